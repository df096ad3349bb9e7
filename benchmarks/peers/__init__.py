"""The simulator beside another one, on the same trace."""
