"""A drawn workload as a file, so that an evaluation can ship its programs.

`.jsonl` (or `.jsonl.gz`) is meant for people and other programs: a header line, then one program a line with its
turns, the waits between them and the segments that it is the first to use. `.parquet` holds the same, a row a program.
Both give back exactly the arrays that were written.
"""

import errno
import os
from pathlib import Path

from agentsim_env.files import replacing
from agentsim_env.workload.programs import Programs
from agentsim_env.workload.traces.errors import TraceError
from agentsim_env.workload.traces.export.jsonl import read_jsonl, write_jsonl
from agentsim_env.workload.traces.export.parquet import read_parquet, write_parquet
from agentsim_env.workload.traces.opening import trace_files
from agentsim_env.workload.validation import InvalidProgramsError, validate

SUFFIXES = (".jsonl", ".jsonl.gz", ".parquet")


def write_programs(programs: Programs, path: Path | str) -> None:
    """Writes a workload; the file appears whole or not at all.

    Args:
        programs: The workload.
        path: File that ends in one of `SUFFIXES`.

    Raises:
        InvalidProgramsError: The workload breaks a promise of `Programs`.
        ValueError: A suffix that is not known, or a name that is used twice.
    """
    path = Path(path)
    suffix = _suffix(path)
    validate(programs)
    for what, names in _names(programs).items():
        if len(set(names)) < len(names):
            raise ValueError(f"{what} holds a name twice: {', '.join(names)}; allowed: different names")
    with replacing(path) as draft:
        if suffix == ".parquet":
            write_parquet(programs, draft)
        else:
            write_jsonl(programs, draft, packed=suffix == ".jsonl.gz")


def read_programs(path: Path | str, max_bytes: int | None = None) -> Programs:
    """Reads what `write_programs` has written, whatever it is called by now.

    Args:
        path: A file, or a folder that holds only one.
        max_bytes: Bytes that it may take, unpacked (see `docs/traces.md`); None for 1 GiB.

    Raises:
        FileNotFoundError: No such file.
        TraceError: The content is broken, or of a version that this release cannot read.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    files = trace_files(path, SUFFIXES, max_bytes)
    if len(files) != 1:
        raise TraceError(path, 0, "", f"holds {len(files)} exported workloads; allowed: one")
    programs = read_parquet(files[0]) if files[0].is_parquet() else read_jsonl(files[0])
    try:
        validate(programs)
    except InvalidProgramsError as error:
        raise TraceError(path, 0, "", str(error)) from error
    return programs


def _suffix(path: Path) -> str:
    for suffix in SUFFIXES:
        if path.name.endswith(suffix):
            return suffix
    raise ValueError(f"{path}: the name ends in no known suffix; allowed: {', '.join(SUFFIXES)}")


def _names(programs: Programs) -> dict[str, tuple[str, ...]]:
    return {
        "tools": tuple(tool.name for tool in programs.tools),
        "families": programs.families,
        "tenants": programs.tenants,
    }
