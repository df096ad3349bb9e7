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
from agentsim_env.workload.traces.otel.messages import Interned
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
    collected = _Collected()
    for file in files:
        for record in read_spans(file, problems):
            try:
                collected.add(_read(record), record)
            except TraceError as error:
                problems.add(error)
    programs = Programs(options)
    programs.add(session for spans in collected.traces.values() for session in spans.sessions())
    return programs.builder.trace(
        "otel",
        len(files),
        problems,
        span_s=collected.span_s,
        approximated=programs.late_roots,
        subagent_requests=programs.subagent_requests,
        subagent_prompt_tokens=programs.subagent_prompt_tokens,
        subagent_output_tokens=programs.subagent_output_tokens,
        doubts=collected.doubts,
    )


class _Collected:
    """The spans of all files.

    Attributes:
        traces: Those of each trace id.
    """

    def __init__(self) -> None:
        self.traces: dict[str, Spans] = {}
        self._interned = Interned()
        self._told: set[bytes] = set()
        self._repeated = self._estimated = 0
        self._starts_ns: list[int] = []

    def add(self, span: Span, record: Record) -> None:
        """Adds a span, unless it is a copy of a call."""
        if isinstance(span.what, Call):
            digest = _digest(span.what, record)
            if digest in self._told:
                self._repeated += 1
                return
            self._told.add(digest)
            self._estimated += span.what.is_estimated
            self._starts_ns.append(span.what.start_ns)
            span = span._replace(what=span.what._replace(content=self._interned.content(span.what.content)))
        self.traces.setdefault(span.trace_id, Spans()).add(span)

    @property
    def span_s(self) -> float:
        """Seconds from the first call's start to the last one's."""
        return (max(self._starts_ns) - min(self._starts_ns)) / 1e9 if self._starts_ns else 0.0

    @property
    def doubts(self) -> tuple[str, ...]:
        """What was left out or estimated."""
        counts = {
            "spans are exact copies of others; left out": self._repeated,
            "calls have no counts of tokens; taken as characters / 4": self._estimated,
        }
        return tuple(f"{count:,} {what}" for what, count in counts.items() if count)


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
