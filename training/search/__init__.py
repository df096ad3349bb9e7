"""The search for a combination of rules: every kind of decision answered, every parameter tuned, on training seeds."""
