"""OpenTelemetry spans of generative AI: what any instrumented agent exports.

Sessions as JSON, one a file or one a line (`{"trace_id", "spans": [...]}`, as in the agent traces on Hugging Face), or
OTLP/JSON (`{"resourceSpans": [{"scopeSpans": [{"spans": [...]}]}]}`, as a collector's file exporter writes it), with
the texts of the messages or without. `documents` takes the spans out of a file, `spans` and `messages` say what they
mean, `graph` which calls waited for which, `sessions` makes the programs.
"""

import hashlib
import json
from pathlib import Path

from agentsim_env.workload.traces.errors import Problems, TraceError
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.opening import trace_files
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.otel.documents import read_spans
from agentsim_env.workload.traces.otel.sessions import Programs, Spans
from agentsim_env.workload.traces.otel.spans import Call, Span, read_span
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sniff import Sample


def detect(sample: Sample) -> bool:
    """Whether a file looks like spans of OpenTelemetry."""
    return "resourceSpans" in sample.keys or "spans" in sample.keys


def read(path: Path, options: ReadOptions) -> Trace:
    """Reads spans; a session is a program that arrives when its first call did."""
    problems = Problems(options.skip_bad_lines)
    files = trace_files(path, (".json", ".jsonl"), options.max_bytes)
    traces: dict[str, Spans] = {}
    told: set[bytes] = set()
    repeated = estimated = 0
    starts_ns: list[int] = []
    for file in files:
        for record in read_spans(file, problems):
            try:
                span = _read(record)
            except TraceError as error:
                problems.add(error)
                continue
            if isinstance(span.what, Call):
                digest = _digest(span.what, record)
                if digest in told:
                    repeated += 1
                    continue
                told.add(digest)
                estimated += span.what.is_estimated
                starts_ns.append(span.what.start_ns)
            traces.setdefault(span.trace_id, Spans()).add(span)
    programs = Programs(options)
    programs.add(session for spans in traces.values() for session in spans.sessions())
    doubts = {
        "spans are exact copies of others; left out": repeated,
        "calls have no counts of tokens; taken as characters / 4": estimated,
    }
    return programs.builder.trace(
        "otel",
        len(files),
        problems,
        span_s=(max(starts_ns) - min(starts_ns)) / 1e9 if starts_ns else 0.0,
        approximated=programs.late_roots,
        subagent_requests=programs.subagent_requests,
        subagent_prompt_tokens=programs.subagent_prompt_tokens,
        subagent_output_tokens=programs.subagent_output_tokens,
        doubts=tuple(f"{count:,} {what}" for what, count in doubts.items() if count),
    )


def _read(record: Record) -> Span:
    try:
        return read_span(record)
    except RecursionError as error:
        raise record.error("attributes", "are nested too deeply; allowed: a few levels") from error


def _digest(call: Call, record: Record) -> bytes:
    """What two copies of a span have in common: times and attributes."""
    attributes = json.dumps(record.content.get("attributes"), sort_keys=True)
    told = f"{call.start_ns} {call.end_ns} {attributes}"
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).digest()
