"""The KV blocks of an instance, pins, and what becomes of the KV that a turn leaves."""
