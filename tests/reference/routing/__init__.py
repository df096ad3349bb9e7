"""Where a turn goes, and how it gets from a prefill instance to a decode instance."""
