"""How an instance with two lanes divides its GPU from now on (`set_prefill_budget`), and the rules for that."""
