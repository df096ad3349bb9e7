"""Recorded workloads: readers of public trace formats, and episodes drawn from what they read."""

from agentsim_env.workload.traces.cut import cut_programs
from agentsim_env.workload.traces.errors import BadLine, TraceError, UnforeseenError
from agentsim_env.workload.traces.options import ServiceEstimate
from agentsim_env.workload.traces.read import read_trace
from agentsim_env.workload.traces.registry import FORMATS, TraceFormat, detect_format
from agentsim_env.workload.traces.report import Trace, TraceReport
from agentsim_env.workload.traces.reuse import hit_blocks, prefix_reuse, ready_order
from agentsim_env.workload.traces.sample import TraceSampler, sample_episode

__all__ = [
    "FORMATS",
    "BadLine",
    "ServiceEstimate",
    "Trace",
    "TraceError",
    "TraceFormat",
    "TraceReport",
    "TraceSampler",
    "UnforeseenError",
    "cut_programs",
    "detect_format",
    "hit_blocks",
    "prefix_reuse",
    "read_trace",
    "ready_order",
    "sample_episode",
]
