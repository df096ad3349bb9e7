"""The trace formats that can be read. A new one is a file with `detect` and `read`, and a line here."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from agentsim_env.workload.traces import (
    aisimulate,
    azure,
    bailian,
    burstgpt,
    claude_code,
    exported,
    llmservingsim,
    mooncake,
)
from agentsim_env.workload.traces.errors import TraceError
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sniff import Sample, sniff


class TraceFormat(NamedTuple):
    """A trace format.

    Attributes:
        name: Name, as it is given to `read_trace`.
        layout: What a file looks like, in a line.
        detect: Whether the beginning of a file looks like this format.
        read: Reads a file or folder.
    """

    name: str
    layout: str
    detect: Callable[[Sample], bool]
    read: Callable[[Path, ReadOptions], Trace]


FORMATS = {
    entry.name: entry
    for entry in (
        TraceFormat(
            "agentsim",
            "JSONL or Parquet written by agentsim_env.workload.export",
            exported.detect,
            exported.read,
        ),
        TraceFormat(
            "aisimulate",
            "JSONL: header with schema dynamo.agentic_mooncake, then request_id, play_id, dependencies, ...",
            aisimulate.detect,
            aisimulate.read,
        ),
        TraceFormat(
            "claude_code",
            "JSON files (or JSONL): id, block_size, requests: [{in, out, hash_ids, think_time, ...}]",
            claude_code.detect,
            claude_code.read,
        ),
        TraceFormat(
            "bailian",
            "JSONL: chat_id, parent_chat_id, timestamp, input_length, output_length, type, turn, hash_ids",
            bailian.detect,
            bailian.read,
        ),
        TraceFormat(
            "llmservingsim",
            "JSONL: input_toks, output_toks, arrival_time_ns; or sub_requests; or nodes and edges",
            llmservingsim.detect,
            llmservingsim.read,
        ),
        TraceFormat(
            "mooncake",
            "JSONL: timestamp, input_length, output_length, hash_ids",
            mooncake.detect,
            mooncake.read,
        ),
        TraceFormat("azure", "CSV: TIMESTAMP,ContextTokens,GeneratedTokens or t_s,in,out", azure.detect, azure.read),
        TraceFormat(
            "burstgpt",
            "CSV: Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
            burstgpt.detect,
            burstgpt.read,
        ),
    )
}


def detect_format(path: Path | str) -> str:
    """Name of the format of a trace, from its content.

    Raises:
        TraceError: No such file, or a format that no reader knows.
    """
    path = Path(path)
    if not path.exists():
        raise TraceError(path, 0, "", "no such file or folder")
    sample = sniff(path)
    for entry in FORMATS.values():
        if entry.detect(sample):
            return entry.name
    begins = f"begins with {sample.text[:60]!r}, which is" if sample.text else "is empty or"
    known = "; ".join(f"{entry.name} ({entry.layout})" for entry in FORMATS.values())
    raise TraceError(path, 0, "", f"{begins} no known trace format; known: {known}")
