"""Every policy on every scenario, against stock: `python -m benchmarks.baselines` writes docs/baselines.md."""
