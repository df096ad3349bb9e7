"""Finds the measurements in a file or a folder, and the layout of each."""

from collections import Counter
from pathlib import Path

from agentsim_env.validation import per_request, points
from agentsim_env.validation.engine_description import EngineDescription
from agentsim_env.validation.matching import DTYPE, identity, reason_to_leave_out
from agentsim_env.validation.measurements import Measurements, Run
from agentsim_env.validation.point_loads import has_load
from agentsim_env.validation.problems import ValidationError
from agentsim_env.validation.table import Row, columns, rows, shown

LAYOUTS = """\
  one row a request: arrival_s, in, out, first_token_s, last_token_s
  one row per operating point: isl, osl (or system_tokens, question_tokens and output_tokens of prompts that repeat),
    concurrency (or rate_rps and arrivals, or stages such as 2.5/6 with stage_s), perhaps turns, turn_tokens and gap_s,
    and measured values such as ttft_ms, tpot_p99_ms, e2e_mean_s, itl_mean_ms, out_tok_s; of the engine, if present:
    kv_blocks (or kv_tokens), max_num_seqs, max_num_batched_tokens, gpu_memory_utilization, cpu_offload (GiB)
  in both, if present: gpu (or system, hardware), model, tp (or parallel), dtype (or precision), backend"""
MOST_LISTED = 15


def read_measurements(path: Path | str, engine: EngineDescription) -> Measurements:
    """Read every run of an engine from a CSV file, or from all CSV files of a folder.

    Args:
        path: File or folder.
        engine: The engine; rows of others are left out.

    Raises:
        ValidationError: Nothing is found, no layout is recognised, or a cell is wrong.
    """
    found: list[Run] = []
    left_out: list[str] = []
    others: Counter[str] = Counter()
    files = _files(Path(path))
    for file in files:
        kind = layout(columns(file))
        if kind is None:
            if len(files) == 1:
                header = (
                    ", ".join(shown(name) for name in columns(file)[:MOST_LISTED]) or "no columns in its first line"
                )
                raise ValidationError(f"{file}: no known layout; it has {header}. Known:\n{LAYOUTS}")
            left_out.append(f"{file.name}: no known layout")
            continue
        kept, reasons = _matching(file, engine, others)
        if reasons:
            left_out.append(f"{file.name}: {_counted(reasons)}")
        if kept and engine.rows is None and not set(DTYPE) & set(columns(file)):
            left_out.append(f"{file.name}: does not tell the format of the weights; all is taken as {engine.dtype}")
        found += per_request.read(file, kept) if kind == "requests" else points.read(file, kept)
    if not found:
        listed = ", ".join(name for name, _ in others.most_common(MOST_LISTED))
        raise ValidationError(
            f"{path}: no row was measured on {engine.gpu} {engine.model} tp {engine.tp} {engine.dtype}; "
            f"it has: {listed or 'no rows in a known layout'}. `rows` in the engine's YAML chooses rows by column"
        )
    return Measurements(tuple(found), tuple(left_out))


def layout(header: tuple[str, ...]) -> str | None:
    """`requests`, `points`, or None if the columns are those of neither."""
    if set(per_request.REQUIRED) <= set(header):
        return "requests"
    if has_load(header) and points.measured_columns(header):
        return "points"
    return None


def _files(path: Path) -> list[Path]:
    try:
        if path.is_file():
            return [path]
        inside = [file for file in path.iterdir() if file.is_file()] if path.is_dir() else None
    except OSError as error:
        raise ValidationError(f"{path!s:.200}: cannot be read: {error.strerror}") from error
    if inside is None:
        raise ValidationError(f"{path}: no such file or folder")
    files = sorted(file for file in inside if file.name.endswith((".csv", ".csv.gz")))
    if not files:
        raise ValidationError(f"{path}: no CSV file in it. Known layouts:\n{LAYOUTS}")
    return files


def _matching(file: Path, engine: EngineDescription, others: Counter[str]) -> tuple[list[Row], Counter[str]]:
    kept: list[Row] = []
    reasons: Counter[str] = Counter()
    for row in rows(file):
        reason = reason_to_leave_out(row, engine)
        if reason is None:
            kept.append(row)
        else:
            reasons[reason] += 1
            others[identity(row)] += 1
    return kept, reasons


def _counted(reasons: Counter[str]) -> str:
    parts = ", ".join(f"{count}: {reason}" for reason, count in reasons.items())
    return f"{sum(reasons.values())} rows left out ({parts})"
