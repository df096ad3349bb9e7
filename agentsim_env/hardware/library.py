"""The shipped profiles (`profiles/*.yaml`), and how one is found: measured if there is one, else the roofline."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from agentsim_env.files import read_yaml
from agentsim_env.hardware.catalog import FOLDER, find_model, model_names, models
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.overheads import engine_overheads
from agentsim_env.hardware.profile import Array, Profile
from agentsim_env.hardware.roofline import roofline

PROFILES = FOLDER / "profiles"
DIGITS = 4
LABELS = ("gpu", "model", "tp", "dtype", "kv_dtype", "source", "assumed", "error", "estimated")
OWN = ("overhead_s",)  # in the file of a profile that was fitted to whole iterations, which hold the engine's overhead
SCALARS = ("chunk_overhead_s", "serial_pure_s", "serial_mixed_s")
# Profile field by place in the file; every other entry of `dense` is a part that adds to `dense_s`.
TABLES = {
    "per_sequence": {"sequences": "seq_n", "seconds": "seq_s"},
    "decode": {
        "sequences": "dec_n",
        "pure_a_s": "pure_a_s",
        "pure_b_s": "pure_b_s",
        "mixed_a_s": "mixed_a_s",
        "mixed_b_s": "mixed_b_s",
    },
    "prefill": {"new_tokens": "pre_c", "a_s": "pre_a_s", "b_s": "pre_b_s"},
}


def find_profile(gpu: Gpu, model: Model, tp: int = 1, dtype: str = "bf16", kv_dtype: str = "bf16") -> Profile:
    """The latency profile of `model` on `tp` of `gpu`.

    Returns:
        The calibrated profile if one is shipped for a model of the same shape, else the roofline's, marked `estimated`.
    """
    for name in model_names():
        shipped = file_name(gpu.name, name, tp, dtype, kv_dtype)
        if shipped in shipped_profiles() and find_model(name).shape == model.shape:
            return load(PROFILES / shipped)
    return roofline(gpu, model, tp, dtype, kv_dtype)


def same_shape(model: Model) -> tuple[str, ...]:
    """Names of the models of the catalogue that do the same work as `model`, whatever it is called."""
    shape = model.shape
    return tuple(name for name, known in _shapes().items() if known == shape)


@cache
def _shapes() -> Mapping[str, Model]:
    return {known.name: known.shape for known in models().values()}


def measured_on(model: Model) -> tuple[str, ...]:
    """GPUs with a shipped profile of `model` or one of the same shape; on all others its latency is estimated."""
    names = same_shape(model)
    return tuple(sorted({f.split("_")[0] for f in shipped_profiles() if f.split("_")[1] in names}))


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
    content: dict[str, Any] = read_yaml(path)
    own = {name: _seconds(path, name, content.pop(name)) for name in OWN if name in content}
    _check(path, content, (*LABELS, *SCALARS, "dense", *TABLES))
    dense = dict(content["dense"])
    tokens = np.array(dense.pop("tokens"), dtype=np.float64)
    parts: dict[str, Array] = {}
    for name, value in dense.items():
        part = np.array(value, dtype=np.float64)
        if part.shape not in ((), tokens.shape):
            raise ValueError(f"{path}: dense.{name} has {part.size} entries, tokens {len(tokens)}")
        parts[name.removesuffix("_s")] = np.broadcast_to(part, tokens.shape)
    values: dict[str, Any] = {name: _label(path, name, content[name]) for name in LABELS}
    values |= {name: _seconds(path, name, content[name]) for name in SCALARS}
    for table, fields in TABLES.items():
        _check(path, content[table], tuple(fields), f"{table}.")
        values |= {field: np.array(content[table][key], dtype=np.float64) for key, field in fields.items()}
    total = np.sum(list(parts.values()), axis=0)
    for name, numbers in {"dense.tokens": tokens, **parts, **values}.items():
        if isinstance(numbers, np.ndarray) and not np.all((numbers >= 0) & np.isfinite(numbers)):
            raise ValueError(f"{path}: {name}: must be finite numbers of at least 0")
    return Profile(**values, dense_tokens=tokens, dense_s=total, parts=parts, **{**engine_overheads(), **own})


def save(profile: Profile, path: Path) -> None:
    """Write `profile` as YAML; overheads that are those of `overheads.yaml` stay there."""
    labels = {name: getattr(profile, name) for name in LABELS}
    lines = [yaml.safe_dump(labels, sort_keys=False, width=120, allow_unicode=True)]
    lines += [f"{name}: {_short(getattr(profile, name))}\n" for name in SCALARS]
    usual = engine_overheads()
    lines += [f"{name}: {_short(getattr(profile, name))}\n" for name in OWN if getattr(profile, name) != usual[name]]
    lines += ["dense:\n", f"  tokens: {_whole(profile.dense_tokens)}\n"]
    for part, values in (profile.parts or {"total": profile.dense_s}).items():
        text = str(_short(values[0])) if np.all(values == values[0]) else _row(values)
        lines.append(f"  {part}_s: {text}\n")
    for table, fields in TABLES.items():
        knots, *others = fields.items()
        lines += [f"{table}:\n", f"  {knots[0]}: {_whole(getattr(profile, knots[1]))}\n"]
        lines += [f"  {key}: {_row(getattr(profile, field))}\n" for key, field in others]
    path.write_text("".join(lines))


def thinned(profile: Profile, tolerance: float = 0.002) -> Profile:
    """`profile` without those token knots that its neighbours give within `tolerance` (relative)."""
    tokens, values = profile.dense_tokens, profile.dense_s
    keep = [0]
    for i in range(1, len(tokens) - 1):
        start = keep[-1]
        line = np.interp(tokens[start : i + 2], tokens[[start, i + 1]], values[[start, i + 1]])
        if np.any(np.abs(line / values[start : i + 2] - 1.0) > tolerance):
            keep.append(i)
    keep.append(len(tokens) - 1)
    parts = {name: part[keep] for name, part in profile.parts.items()}
    return profile.replace(dense_tokens=tokens[keep], dense_s=values[keep], parts=parts)


def _row(values: Array) -> str:
    return f"[{', '.join(str(_short(value)) for value in values)}]"


def _whole(values: Array) -> str:
    return f"[{', '.join(f'{value:g}' if value < 1e5 else str(int(value)) for value in values)}]"


def _check(path: Path, content: Mapping[str, Any], expected: Sequence[str], where: str = "") -> None:
    missing = [where + name for name in expected if name not in content]
    unknown = [where + name for name in content if name not in expected]
    if missing or unknown:
        raise ValueError(
            f"{path}: missing {', '.join(missing) or 'nothing'}; unknown {', '.join(unknown) or 'nothing'}"
        )


def _label(path: Path, name: str, value: Any) -> str | int | bool:
    """What a profile says of itself, of the type that its field has."""
    kind = {"tp": int, "estimated": bool}.get(name, str)
    if type(value) is not kind:
        raise ValueError(f"{path}: {name} is {value!r:.60}; must be of type {kind.__name__}")
    return value


def _seconds(path: Path, name: str, value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < float("inf"):
        raise ValueError(f"{path}: {name} is {value!r:.60}; must be a finite number of at least 0")
    return float(value)


def _short(value: float) -> float | int:
    rounded = float(f"{float(value):.{DIGITS}g}")
    return int(rounded) if (rounded.is_integer() and abs(rounded) >= 1) or rounded == 0 else rounded
