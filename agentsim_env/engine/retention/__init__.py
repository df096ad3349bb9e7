"""What becomes of the KV of a turn that has ended (`retain_kv`)."""
