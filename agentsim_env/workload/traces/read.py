"""Reading a trace of any known format."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from agentsim_env.workload.programs import Programs
from agentsim_env.workload.traces.cut import cut_programs
from agentsim_env.workload.traces.errors import TraceError
from agentsim_env.workload.traces.options import ReadOptions, ServiceEstimate
from agentsim_env.workload.traces.registry import FORMATS, detect_format
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.reuse import prefix_reuse


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
) -> Trace:
    """Reads a recorded workload.

    Args:
        path: File or folder; gzip is unpacked.
        format: A name in `FORMATS`, or `auto` to find it out from the content.
        block_size: Tokens in a KV block of the simulated engines.
        skip_bad_lines: Skip and count broken lines instead of raising at the first.
        reuse_generated: Generated tokens are cache for the session's next turn where the lengths allow it.
        max_turns: Drop the turns of a program beyond this number (see `cut_programs`).
        max_context_tokens: Drop the turns of a program from the first that exceeds this context.
        trace_block_tokens: Tokens that one id of `hash_ids` stands for; None for the format's own size.
        service: Estimate of the traced system's service time, for formats that record arrivals only.

    Returns:
        The programs, sorted by arrival, and a report.

    Raises:
        TraceError: The file cannot be read; names file, line, field and what is allowed.
        ValueError: An argument that is not allowed.
    """
    path = Path(path)
    if format != "auto" and format not in FORMATS:
        raise ValueError(f"format is {format!r}; allowed: auto, {', '.join(FORMATS)}")
    options = ReadOptions(
        block_size, skip_bad_lines, reuse_generated, trace_block_tokens, service if service else ServiceEstimate()
    )
    name = detect_format(path) if format == "auto" else format
    whole = FORMATS[name].read(path, options)
    if not len(whole.programs.program):
        raise TraceError(path, 0, "", f"holds no request that could be read as {name}")
    report = replace(whole.report, prefix_reuse=prefix_reuse(whole.programs))
    if max_turns is None and max_context_tokens is None:
        return Trace(whole.programs, report)
    programs = cut_programs(whole.programs, max_turns=max_turns, max_context_tokens=max_context_tokens)
    if not len(programs.program):
        raise TraceError(path, 0, "", _nothing_left(whole.programs, max_context_tokens))
    report = replace(
        report,
        cut_turns=len(whole.programs.turn) - len(programs.turn),
        cut_programs=len(whole.programs.program) - len(programs.program),
    )
    return Trace(programs, report)


def _nothing_left(programs: Programs, max_context_tokens: int | None) -> str:
    first = programs.turn[programs.program["first_turn"]]
    least = int((first["prompt_tokens"].astype(np.int64) + first["output_tokens"]).min())
    return f"max_context_tokens = {max_context_tokens} leaves no program; the shortest first turn takes {least} tokens"
