"""Reading a trace of any known format."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from agentsim_env.errors import AgentSimError
from agentsim_env.limits import LONGEST_S
from agentsim_env.workload.programs import Programs
from agentsim_env.workload.traces.cut import cut_programs
from agentsim_env.workload.traces.errors import TraceError, UnforeseenError
from agentsim_env.workload.traces.opening import files_ending_in, folders_inside, is_folder
from agentsim_env.workload.traces.options import ReadOptions, ServiceEstimate
from agentsim_env.workload.traces.registry import FORMATS, detect_format
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.reuse import prefix_reuse
from agentsim_env.workload.traces.sniff import SUFFIXES

_ONLY_FOR = {
    "sessions": ("mooncake",),
    "message_mode": ("mooncake", "aiperf"),
    "time_unit": ("mooncake", "bailian", "azure", "burstgpt"),
    "trace_block_tokens": ("mooncake", "bailian", "claude_code", "aisimulate"),
}
"""Formats that an option is for; `sessions: named` is what all others have."""


def read_trace(
    path: Path | str,
    format: str = "auto",
    *,
    block_size: int = 16,
    skip_bad_lines: bool = False,
    reuse_generated: bool = True,
    max_turns: int | None = None,
    max_context_tokens: int | None = None,
    trace_block_tokens: int | None = None,
    service: ServiceEstimate | None = None,
    sessions: str | None = None,
    message_mode: str | None = None,
    time_unit: str | None = None,
    max_bytes: int | None = None,
) -> Trace:
    """Reads a recorded workload.

    Args:
        path: File or folder; gzip, bzip2, xz and zstd are unpacked.
        format: A name in `FORMATS`, or `auto` to find it out from the content.
        block_size: Tokens in a KV block of the simulated engines.
        skip_bad_lines: Skip and count broken lines instead of raising at the first.
        reuse_generated: Generated tokens are cache for the session's next turn where the lengths allow it.
        max_turns: Drop the turns of a program beyond this number (see `cut_programs`).
        max_context_tokens: Drop the turns of a program from the first that exceeds this context.
        trace_block_tokens: Tokens that one id of `hash_ids` stands for; None for the format's own size.
        service: Estimate of the traced system's service time, for formats that record arrivals only.
        sessions: `named` for the sessions that the trace names and no others, `rebuilt` for those that the ids tell;
            None: named if the trace names any, else rebuilt.
        message_mode: Whether the prompt of a later request of a session is all of it (`history`) or what is new since
            the answer before (`delta`); None: `history`, unless a request says itself.
        time_unit: Unit of times whose field does not name it: `s`, `ms`, `us` or `ns`; None for the format's own.
        max_bytes: Bytes that the trace may take, all files together and unpacked (see `docs/traces.md`); None: 1 GiB.

    Returns:
        The programs, sorted by arrival, and a report.

    Raises:
        TraceError: The file cannot be read, or not so; names file, line, field and what is allowed.
        ValueError: Another argument that is not allowed.
    """
    path = Path(path)
    if format != "auto" and format not in FORMATS:
        raise TraceError(path, 0, "", f"format is {format!r}; allowed: auto, {', '.join(FORMATS)}")
    options = ReadOptions(
        block_size,
        skip_bad_lines,
        reuse_generated,
        trace_block_tokens,
        service if service else ServiceEstimate(),
        sessions,
        message_mode,
        time_unit,
        max_bytes,
    )
    with _foreseen(path, "a trace"):
        name = detect_format(path) if format == "auto" else format
    _check_options(path, name, options)
    with _foreseen(path, name):
        whole = FORMATS[name].read(path, options)
    if not len(whole.programs.program):
        raise TraceError(path, 0, "", f"holds no request that could be read as {name}")
    _check_span(path, whole.programs)
    doubts = whole.report.doubts + _left_aside(path, name, whole.report.files)
    report = replace(whole.report, prefix_reuse=prefix_reuse(whole.programs), doubts=doubts)
    if max_turns is None and max_context_tokens is None:
        return Trace(whole.programs, report)
    if (whole.programs.program["after"] >= 0).any():
        problem = "lets programs wait for others (closed loop); allowed: neither max_turns nor max_context_tokens"
        raise TraceError(path, 0, "after", problem)
    programs = cut_programs(whole.programs, max_turns=max_turns, max_context_tokens=max_context_tokens)
    if not len(programs.program):
        raise TraceError(path, 0, "", _nothing_left(whole.programs, max_context_tokens))
    report = replace(
        report,
        cut_turns=len(whole.programs.turn) - len(programs.turn),
        cut_programs=len(whole.programs.program) - len(programs.program),
    )
    return Trace(programs, report)


def _left_aside(path: Path, name: str, files: int) -> tuple[str, ...]:
    """Files of a folder that may be traces, and are not what the format reads."""
    if not is_folder(path):
        return ()
    found, deeper = len(files_ending_in(path, SUFFIXES)), folders_inside(path)
    doubts = [f"{found - files:,} of the {found:,} files here are not what {name} reads"] if found > files else []
    doubts += [f"{deeper:,} folders inside are not read; name one of them, or put their files here"] if deeper else []
    return tuple(doubts)


def _nothing_left(programs: Programs, max_context_tokens: int | None) -> str:
    first = programs.turn[programs.program["first_turn"]]
    least = int((first["prompt_tokens"].astype(np.int64) + first["output_tokens"]).min())
    return f"max_context_tokens = {max_context_tokens} leaves no program; the shortest first turn takes {least} tokens"


@contextmanager
def _foreseen(path: Path, name: str) -> Iterator[None]:
    """Turns what a reader did not foresee into an error that names reader and file, and keeps the cause."""
    try:
        yield
    except TraceError:
        raise
    except AgentSimError as error:
        raise TraceError(path, 0, "", str(error)) from error
    except OSError as error:
        raise TraceError(error.filename or path, 0, "", f"cannot be read ({error.strerror or error})") from error
    except MemoryError as error:
        raise TraceError(path, 0, "", "does not fit into memory (max_bytes limits what is read)") from error
    except Exception as error:
        problem = f"not readable as {name}: {type(error).__name__} ({error}), which the reader does not foresee"
        raise UnforeseenError(path, 0, "", f"{problem}; please report it, with the file") from error


def _check_options(path: Path, name: str, options: ReadOptions) -> None:
    """Refuses options that the format has no use for."""
    for option, formats in _ONLY_FOR.items():
        value = getattr(options, option)
        if value is not None and value != "named" and name not in formats:
            problem = f"is {value!r}, and {name} has no use for it; allowed: for {', '.join(formats)}"
            raise TraceError(path, 0, option, problem)


def _check_span(path: Path, programs: Programs) -> None:
    """Refuses times so far apart that one of them must be wrong."""
    first = programs.program["after"] < 0
    span_s = float(programs.program["arrival_s"][first].max(initial=0.0))
    gap_s = float(programs.edge["gap_s"].max(initial=0.0))
    for what, value_s in (("the arrivals span", span_s), ("a wait takes", gap_s)):
        if value_s > LONGEST_S:
            problem = f"{what} {value_s:.4g} s; allowed: at most {LONGEST_S:g} s (time_unit, or an odd record?)"
            raise TraceError(path, 0, "", problem)
