"""The shipped profiles (`profiles/*.yaml`), and how one is found: measured if there is one, else the roofline."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from agentsim_env.hardware.catalog import FOLDER
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.profile import TABLES, Profile
from agentsim_env.hardware.roofline import roofline

PROFILES = FOLDER / "profiles"
SCALARS = ("overhead_s", "cpu_s", "cpu_per_seq_s", "cpu_per_token_s", "serial_pure_s", "serial_mixed_s")
LABELS = ("gpu", "model", "tp", "dtype", "source", "estimated", "error", "assumed")


def find_profile(gpu: Gpu, model: Model, tp: int = 1, dtype: str = "bf16", kv_dtype: str = "bf16") -> Profile:
    """The latency profile of `model` on `tp` of `gpu`.

    Returns:
        The calibrated profile if one is shipped, else the roofline's, marked `estimated`.
    """
    shipped = file_name(gpu.name, model.name, tp, dtype, kv_dtype)
    if shipped in shipped_profiles():
        return load(PROFILES / shipped)
    return roofline(gpu, model, tp, dtype, kv_dtype)


def file_name(gpu: str, model: str, tp: int, dtype: str = "bf16", kv_dtype: str = "bf16") -> str:
    """Name of the file that holds the profile of these."""
    kv = "" if kv_dtype == "bf16" else f"_kv-{kv_dtype}"
    return f"{gpu}_{model}_tp{tp}_{dtype}{kv}.yaml"


@cache
def shipped_profiles() -> frozenset[str]:
    """File names of the shipped profiles."""
    return frozenset(path.name for path in PROFILES.glob("*.yaml"))


@cache
def load(path: Path) -> Profile:
    """Read a profile.

    Raises:
        ValueError: If a field is missing, unknown or malformed.
    """
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    arrays = [name for knots, values in TABLES.items() for name in (knots, *values)]
    allowed = {*arrays, *SCALARS, *LABELS}
    if set(content) != allowed:
        missing, unknown = sorted(allowed - set(content)), sorted(set(content) - allowed)
        raise ValueError(f"{path}: missing {missing or 'nothing'}, unknown {unknown or 'nothing'}")
    tables: dict[str, Any] = {name: np.array(content[name], dtype=np.float64) for name in arrays}
    return Profile(**{**content, **tables})


def save(profile: Profile, path: Path) -> None:
    """Write `profile` as YAML, five significant digits."""
    labels = {name: getattr(profile, name) for name in LABELS}
    scalars = {name: _short(getattr(profile, name)) for name in SCALARS}
    lines = [yaml.safe_dump({**labels, **scalars}, sort_keys=False, width=120)]
    for knots, values in TABLES.items():
        for name in (knots, *values):
            numbers = ", ".join(str(_short(value)) for value in getattr(profile, name))
            lines.append(f"{name}: [{numbers}]\n")
    path.write_text("".join(lines))


def _short(value: float) -> float | int:
    rounded = float(f"{float(value):.5g}")
    return int(rounded) if rounded.is_integer() else rounded
