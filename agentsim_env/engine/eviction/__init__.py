"""Which idle KV goes when blocks are needed (`evict_kv`)."""
