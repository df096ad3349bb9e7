"""Agents on one consumer GPU, held against measurements; `python -m benchmarks.consumer_gpu` writes the page."""
