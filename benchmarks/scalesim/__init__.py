"""ScaleSim and KVFlow beside the papers' numbers; `python -m benchmarks.scalesim` writes the page."""
