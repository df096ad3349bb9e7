"""The slow, obvious simulator: docs/semantics.md again, one iteration at a time, importing nothing from the engine."""
