"""Time a model's layers with torch on the GPU at hand, and write tables that `calibrate` reads.

The kernels are torch's (cuBLAS products, scaled-dot-product attention), not those of a serving engine: decodes beside a
prefill chunk are two calls here. No weights are loaded and no network is used; shapes alone decide the time.
"""

from agentsim_env.hardware.measure.bundle import Grid, measure

__all__ = ["Grid", "measure"]
