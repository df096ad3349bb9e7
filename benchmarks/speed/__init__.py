"""Speed and memory against their bars: `python -m benchmarks.speed`."""
