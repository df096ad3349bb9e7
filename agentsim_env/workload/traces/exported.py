"""Workloads that this package has exported, read back as traces."""

from pathlib import Path

import numpy as np

from agentsim_env.workload.traces.errors import TraceError
from agentsim_env.workload.traces.export import read_programs
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.report import Trace, TraceReport
from agentsim_env.workload.traces.sniff import Sample


def detect(sample: Sample) -> bool:
    """Whether a file looks like an exported workload; of Parquet only the reader can tell."""
    return sample.is_parquet or ("format" in sample.keys and "agentsim_env.programs" in sample.text)


def read(path: Path, options: ReadOptions) -> Trace:
    """Reads an exported workload as it is; only `block_size` is checked."""
    programs = read_programs(path, options.max_bytes)
    if programs.block_size != options.block_size:
        problem = f"is {programs.block_size}, and {options.block_size} was asked for; allowed: the same"
        raise TraceError(path, 0, "block_size", problem)
    own = programs.program["after"] < 0
    report = TraceReport(
        format="agentsim",
        lines=len(programs.program),
        requests=len(programs.turn),
        sessions=len(programs.program),
        prompt_tokens=int(programs.turn["prompt_tokens"].sum(dtype=np.int64)),
        output_tokens=int(programs.turn["output_tokens"].sum(dtype=np.int64)),
        span_s=float(np.ptp(programs.program["arrival_s"][own])) if own.any() else 0.0,
    )
    return Trace(programs, report)
