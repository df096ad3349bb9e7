"""How well the roofline predicts a model none of whose kernels it has seen, on every GPU with operator tables."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agentsim_env.hardware.calibrate.constants import FROM_OPERATORS
from agentsim_env.hardware.calibrate.efficiencies import left_out
from agentsim_env.hardware.calibrate.errors import RegimeError, regime_errors
from agentsim_env.hardware.calibrate.fit import without_overheads
from agentsim_env.hardware.calibrate.operators import OperatorTables
from agentsim_env.hardware.calibrate.steps import predict_s
from agentsim_env.hardware.catalog import find_gpu, find_model
from agentsim_env.hardware.efficiencies import efficiencies
from agentsim_env.hardware.roofline import roofline_with

MODELS = (("Llama-3.1-8B", 1), ("Qwen3-32B", 2), ("Llama-3.1-70B", 4), ("Llama-3.1-70B", 8))


class LeftOut(NamedTuple):
    """Error of the roofline on a model that its constants were not fitted on; `mean` over all regimes."""

    gpu: str
    model: str
    tp: int
    mean: float
    regimes: tuple[RegimeError, ...]


def leave_one_out(folder: Path, gpus: tuple[str, ...] = FROM_OPERATORS) -> Iterator[LeftOut]:
    """Predict each model of `MODELS` from constants fitted without its products' shapes and its attention heads."""
    for name in gpus:
        tables = OperatorTables(folder, find_gpu(name))
        for model_name, tp in MODELS:
            model = find_model(model_name)
            if tp > tables.gpu.gpus_per_node:
                continue
            try:
                kernels = tables.kernels(model, tp)
            except ValueError:  # does not fit
                continue
            constants = left_out(tables, efficiencies(name), model, tp)
            profile = without_overheads(roofline_with(constants, tables.gpu, model, tp, "bf16", "bf16"))
            steps = kernels.whole_steps()
            steps = steps.where(steps.tokens <= kernels.tokens[-1])
            error = np.abs(predict_s(profile, steps) / steps.seconds - 1.0)
            yield LeftOut(name, model_name, tp, float(error.mean()), regime_errors(profile, steps))
