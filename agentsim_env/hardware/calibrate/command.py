"""`calibrate`: from measurements to a profile, its errors and a picture of them."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agentsim_env.errors import AgentSimError, AgentSimWarning
from agentsim_env.hardware import library
from agentsim_env.hardware.calibrate import llmservingsim, plain, vidur
from agentsim_env.hardware.calibrate.errors import RegimeError, regime_errors
from agentsim_env.hardware.calibrate.fit import fit_profile, without_overheads
from agentsim_env.hardware.calibrate.fit_steps import fit_steps
from agentsim_env.hardware.calibrate.kernels import Kernels
from agentsim_env.hardware.calibrate.operators import OperatorTables
from agentsim_env.hardware.calibrate.picture import draw
from agentsim_env.hardware.calibrate.problems import CalibrationError
from agentsim_env.hardware.calibrate.steps import Steps, predict_s
from agentsim_env.hardware.catalog import find_gpu, find_model
from agentsim_env.hardware.dtypes import kv_dtype as kv_format
from agentsim_env.hardware.dtypes import weight_dtype
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.profile import Profile
from agentsim_env.hardware.tensor_parallel import check_tp

LAYOUTS = """\
  FILE.csv with prefill_tokens,cached_tokens,decodes,context_tokens,ms   whole iterations that you measured
  folder with dense.csv, per_sequence.csv, attention.csv                 one tp of an LLMServingSim bundle
  folder with mlp.csv (and attention.csv)                                a model of Vidur's profiler
  folder with gemm.csv, attn_prefill.csv, attn_decode.csv, allreduce.csv operator tables (aiconfigurator)
  folder with vllm_layers_rtx.csv, vllm_attention_mixed_rtx.csv.gz       layer tables of several GPUs and models"""


ODD_RATIO = 100.0
"""Between measured and known times: slow software is ten times slower, a unit a thousand."""


class Calibration(NamedTuple):
    """A fitted profile and its errors on what it was fitted to, overheads of the engine aside."""

    profile: Profile
    errors: tuple[RegimeError, ...]


def calibrate(
    measurements: Path | str,
    gpu: str,
    model: str,
    tp: int = 1,
    dtype: str = "bf16",
    kv_dtype: str = "bf16",
    out: Path | str | None = None,
    picture: Path | str | None = None,
) -> Calibration:
    """Fit a profile to measurements.

    Args:
        measurements: File or folder; the layout is recognised by the names of files and columns (`LAYOUTS`).
        gpu: Name of the GPU they were made on.
        model: Name of the model, or path to its `config.json`.
        tp: Tensor-parallel ranks.
        dtype: Format of the weights.
        kv_dtype: Format of the KV cache.
        out: Where to write the profile as YAML.
        picture: Where to draw measured against fitted times.

    Returns:
        The profile and its error per regime.

    Raises:
        CalibrationError: If the layout is not recognised or has nothing for this GPU, model and tp.
    """
    path, card, shape = Path(measurements), find_gpu(gpu), find_model(model)
    weights, cache = weight_dtype(dtype), kv_format(kv_dtype)
    check_tp(shape, tp)
    try:
        profile, bare, steps = _fit(path, card, shape, tp, weights, cache)
    except AgentSimError:
        raise
    except OSError as error:
        raise CalibrationError(f"{path!s:.200}: cannot be read: {error.strerror or error}") from error
    except (LookupError, ArithmeticError, TypeError, ValueError) as error:
        raise CalibrationError(f"{path}: no profile can be fitted to these tables: {error}") from error
    _refuse_what_is_no_number(path, profile)
    if out is not None:
        library.save(profile, Path(out))
    if picture is not None and steps is not None:
        draw(bare, steps, Path(picture))
    return Calibration(profile, () if steps is None else regime_errors(bare, steps))


def _fit(
    path: Path, gpu: Gpu, model: Model, tp: int, dtype: str, kv_dtype: str
) -> tuple[Profile, Profile, Steps | None]:
    """The profile, the same without overheads of the engine, and the iterations that it is judged by."""
    if path.is_file():
        steps = plain.read_steps(path)
        known = library.find_profile(gpu, model, tp, dtype, kv_dtype)
        _doubt_odd_times(path, steps, known)
        profile = fit_steps(steps, known, f"{path.name}")
        return profile, profile, steps
    kernels = read_kernels(path, gpu, model, tp, dtype, kv_dtype)
    _refuse_gaps(path, kernels)
    profile = fit_profile(kernels)
    return profile, without_overheads(profile), None if kernels.attention is None else kernels.whole_steps()


def _doubt_odd_times(path: Path, steps: Steps, known: Profile) -> None:
    """Warns of times that are far from what is known of the GPU and the model: their unit may be another one."""
    ratio = float(np.median(steps.seconds / predict_s(known, steps)))
    if not 1 / ODD_RATIO <= ratio <= ODD_RATIO:
        warnings.warn(
            f"{path}: the times are {ratio:.3g} times those of {known.source} (median); are they milliseconds?",
            AgentSimWarning,
            stacklevel=4,
        )


def _refuse_gaps(folder: Path, kernels: Kernels) -> None:
    """Refuses tables with an empty or negative cell where a time or a count is needed."""
    attention = {} if kernels.attention is None else kernels.attention._asdict()
    columns = {**kernels.dense, "sequences": kernels.per_sequence_s, **attention}
    for name, values in columns.items():
        if not np.all(np.isfinite(values) & (values >= 0)):
            raise CalibrationError(f"{folder}: {name}: an empty or negative cell; must be numbers of at least 0")


def _refuse_what_is_no_number(path: Path, profile: Profile) -> None:
    for name, value in vars(profile).items():
        if isinstance(value, float | np.ndarray) and not np.all(np.isfinite(value)):
            raise CalibrationError(f"{path}: the fit gives no number for {name}: are the times plausible?")


def read_kernels(folder: Path, gpu: Gpu, model: Model, tp: int, dtype: str, kv_dtype: str) -> Kernels:
    """Kernel tables of one (GPU, model, tp) in whatever layout `folder` has.

    Raises:
        CalibrationError: If no layout is recognised.
    """
    if (folder / "dense.csv").is_file():
        return llmservingsim.read_bundle(folder, gpu, model, tp)
    if (folder / "mlp.csv").is_file():
        return vidur.read_profile(folder, gpu, model, tp)
    if (folder / llmservingsim.LAYERS_FILE).is_file() and dtype == "bf16":
        found = llmservingsim.find_flat(folder, gpu, model, tp)
        if found is not None:
            return found
    if (folder / "gemm.csv").is_file():
        return OperatorTables(folder, gpu).kernels(model, tp, dtype, kv_dtype)
    raise CalibrationError(f"{folder}: no known layout. Known:\n{LAYOUTS}")
