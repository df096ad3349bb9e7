"""Benchmarks: speed and memory, as ratios to things that everybody knows."""
