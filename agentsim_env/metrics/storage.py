"""Records on disk: Parquet files, and a JSON file that commits them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from agentsim_env.errors import AgentSimError
from agentsim_env.files import replacing, write_text
from agentsim_env.metrics.objectives import objectives_of
from agentsim_env.metrics.records import INSTANCES, PROGRAMS, STEPS, TURNS, Records, with_names
from agentsim_env.metrics.summary import summarise
from agentsim_env.scenario.episode import Slo


class RecordsError(AgentSimError, ValueError):
    """A folder does not hold the records of a simulation, whole and unchanged."""


LAYOUTS = {
    "turns": (TURNS, ()),
    "programs": (PROGRAMS, ("state", "family", "tenant")),
    "instances": (INSTANCES, ("gpu", "model")),
}
"""Numeric columns and names of each file."""

STEP_LAYOUT = (STEPS, ())
"""Those of `steps.parquet`, which is there where programs take steps together."""


def save_records(records: Records, folder: str | Path, slo: Slo | None = None) -> None:
    """Write `turns.parquet`, `programs.parquet`, `instances.parquet`, `steps.parquet` and, last, `summary.json`.

    Each file replaces an older one at once; where there are no steps there is no file of them. `summary.json` holds
    figures, metadata and the hash of the rows.

    Args:
        records: What a simulation has recorded.
        folder: Made if it does not exist; other files in it stay.
        slo: Objectives of the figures; by default the ones in the metadata.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*LAYOUTS, *(["steps"] if len(records.steps) else [])):
        rows = getattr(records, name)
        table = pa.table({column: pa.array(rows[column]) for column in rows.dtype.names})
        with replacing(folder / f"{name}.parquet") as draft:
            pq.write_table(table, draft)
    content = {
        "summary": summarise(records, slo),
        "slo": objectives_of(records, slo).given(),
        "now_s": records.now_s,
        **({"steps": len(records.steps)} if len(records.steps) else {}),
        "content_hash": records.content_hash(),
        "metadata": records.metadata,
    }
    text = json.dumps(_strict(content), indent=2, allow_nan=False) + "\n"
    write_text(folder / "summary.json", text)


def load_records(folder: str | Path) -> Records:
    """Read what `save_records` wrote.

    Raises:
        FileNotFoundError: A file is missing.
        RecordsError: The rows are not those that `summary.json` was written with, or a file is not what it should be.
    """
    folder = Path(folder)
    content = _read_summary(folder / "summary.json")
    arrays = {name: _read(folder / f"{name}.parquet", *layout) for name, layout in LAYOUTS.items()}
    if content.get("steps"):
        arrays["steps"] = _read(folder / "steps.parquet", *STEP_LAYOUT)
    records = Records(**arrays, now_s=content["now_s"], metadata=content["metadata"])
    if records.content_hash() != content["content_hash"]:
        raise RecordsError(f"{folder}: the Parquet files are not those that summary.json was written with")
    return records


def _read_summary(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise RecordsError(f"{path} cannot be read: {error}") from error
    fields = ("now_s", "metadata", "content_hash")
    missing = [name for name in fields if not isinstance(content, dict) or name not in content]
    if missing:
        raise RecordsError(f"{path}: missing {', '.join(missing)}: it is not the summary of records")
    return content


def _read(path: Path, dtype: np.dtype, names: tuple[str, ...]) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise RecordsError(f"{path} cannot be read as Parquet: {error}") from error
    expected = [*names, *(dtype.names or ())]
    if table.column_names != expected:
        raise RecordsError(f"{path}: columns are {table.column_names}, must be {expected}")
    columns = {name: table[name].to_numpy() for name in expected}
    rows = np.empty(table.num_rows, dtype)
    for name in dtype.names or ():
        try:
            rows[name] = columns[name]
        except (ValueError, TypeError) as error:
            raise RecordsError(f"{path}: column {name}: {error}") from error
    texts = {name: columns[name].astype(str) for name in names}
    return with_names(rows, texts) if texts else rows


def _strict(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
