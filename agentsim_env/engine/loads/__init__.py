"""KV that comes to an instance, when a turn needs it or ahead of that (`prefetch_kv`)."""
