"""Runs of whole programs on real engines, replayed: the second half of docs/fidelity.md."""
