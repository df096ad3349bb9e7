"""Which rows of a file were measured on a given engine."""

import re

from agentsim_env.hardware.catalog import find_gpu, find_model
from agentsim_env.hardware.dtypes import UnknownHardwareError, weight_dtype
from agentsim_env.validation.engine_description import EngineDescription
from agentsim_env.validation.table import Row

GPU = ("gpu", "system", "hardware")
DTYPE = ("dtype", "precision")


def reason_to_leave_out(row: Row, engine: EngineDescription) -> str | None:
    """Why a row is not of this engine, in a few words; None if it is."""
    if engine.rows is not None:
        return None if all(_same(row.text(name), value) for name, value in engine.rows.items()) else "other rows"
    if row.text("mode") not in ("", "agg"):
        return "disaggregated"
    if row.has("adp") and row.number("adp") > engine.replicas:
        return "attention in data parallel"
    checks = (
        ("another GPU", _same_gpu(row.text(*GPU), engine.gpu)),
        ("another model", _same_model(row.text("model"), engine.model)),
        ("another tp", tp_of(row) in (None, *engine.tps)),
        (f"empty {row.first_column(*DTYPE)}", not row.is_empty(*DTYPE)),
        ("another dtype", _same_dtype(row.text(*DTYPE), engine.dtype)),
        ("another backend", engine.backend is None or row.text("backend").lower() in ("", engine.backend)),
    )
    return next((reason for reason, same in checks if not same), None)


def tp_of(row: Row) -> int | None:
    """Tensor-parallel ranks of a row: its `tp`, or the number in a `parallel` such as tp8 or tep8."""
    if row.has("tp"):
        return row.count("tp")
    found = re.fullmatch(r"te?p(\d+)", row.text("parallel").lower())
    if found:
        return int(found.group(1))
    return None if not row.has("parallel") else -1


def identity(row: Row) -> str:
    """What a row says about the engine that it was measured on."""
    tp = tp_of(row)
    parts = (
        row.text(*GPU),
        row.text("model").rpartition("/")[2],
        row.text("parallel") or (f"tp{tp}" if tp else ""),
        row.text(*DTYPE),
        row.text("backend", "engine"),
    )
    return " ".join(part for part in parts if part)


def _same_gpu(name: str, ours: str) -> bool:
    if not name:
        return True
    try:
        return find_gpu(re.sub(r"^\d+\s*x\s*", "", name)).name == find_gpu(ours).name
    except UnknownHardwareError:
        return False


def _same_model(name: str, ours: str) -> bool:
    if not name:
        return True
    known = find_model(ours)
    wanted = {_plain(known.name), *(_plain(alias) for alias in known.aliases)}
    return _plain(name) in wanted or _plain(name.rpartition("/")[2]) in {alias.rpartition("/")[2] for alias in wanted}


def _same_dtype(name: str, ours: str) -> bool:
    if not name:
        return True
    try:
        return weight_dtype(name) == weight_dtype(ours)
    except UnknownHardwareError:
        return False


def _same(cell: str, value: str | int | float) -> bool:
    try:
        return float(cell) == float(value)
    except ValueError:
        return cell == str(value)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum() or letter == "/")
