"""LLMServingSim and AgentServeSim workloads: JSONL in three shapes, which may be mixed in one file.

* flat request: `{"input_toks", "output_toks", "arrival_time_ns", "input_tok_ids"?}`
* chain: `{"session_id"?, "arrival_time_ns", "sub_requests": [{"input_toks", "output_toks", "tool_duration_ns"?,
  "tool"? or "tool_name"?, "input_tok_ids"?}], "tenant"?, "deadline_ns"?, "input_mode"?}`; `input_toks` is the whole
  prompt, or with `"input_mode": "streaming-deltas"` what is appended to the context so far, outputs included
* graph: `{"workflow_id"?, "arrival_time_ns", "nodes": [{"node_id", "input_toks", "output_toks", "tool"?,
  "input_tok_ids"?}], "edges": [{"src", "dst", "delay_ns"?}]}`

Formats: github.com/casys-kaist/LLMServingSim, workloads/README.md; AgentServeSim (arXiv 2606.09613).
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agentsim_env.workload.traces.build import TraceBuilder
from agentsim_env.workload.traces.errors import Problems, shown
from agentsim_env.workload.traces.fields import MAX_TOKENS, Record
from agentsim_env.workload.traces.graph import topological_order
from agentsim_env.workload.traces.json_ids import NO_IDS
from agentsim_env.workload.traces.lines import read_records
from agentsim_env.workload.traces.nearest import listed
from agentsim_env.workload.traces.opening import trace_files
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sniff import Sample

_DELTAS = "streaming-deltas"
_MOST_NAMED = 2**24  # tokens of a context of deltas whose tokens all have ids
_INPUT_MODES = ("cumulative", _DELTAS)


class _Call(NamedTuple):
    """One LLM call."""

    prompt_tokens: int
    output_tokens: int
    ids: np.ndarray | None


class _Link(NamedTuple):
    """A wait between two calls of a program."""

    source: int
    target: int
    gap_s: float
    tool: str


class _Job(NamedTuple):
    """One line: calls in topological order."""

    arrival_s: float
    deadline_s: float
    tenant: str
    family: str
    calls: list[_Call]
    links: list[_Link]
    is_chain: bool


class _FreshIds:
    """Token ids that nothing else has, for tokens that the trace does not name."""

    def __init__(self) -> None:
        self._used = 0

    def take(self, count: int) -> np.ndarray:
        self._used += count
        return -1 - np.arange(self._used - count, self._used, dtype=np.int64)


def detect(sample: Sample) -> bool:
    """Whether a file looks like an LLMServingSim or AgentServeSim workload."""
    return bool(sample.keys & {"input_toks", "sub_requests"}) or {"nodes", "edges"} <= sample.keys


def read(path: Path, options: ReadOptions) -> Trace:
    """Reads a workload; prefixes are shared where token ids agree, and along chains without ids (see docs)."""
    problems = Problems(options.skip_bad_lines)
    files = trace_files(path, (".jsonl",), options.max_bytes)
    builder = TraceBuilder(options)
    trie = builder.scope(tokens_per_id=1)
    fresh = _FreshIds()
    for job in read_records(files, problems, lambda record: _job(record, fresh)):
        builder.program(job.arrival_s, family=job.family, tenant=job.tenant, deadline_s=job.deadline_s)
        turns: list[int] = []
        sources: list[list[int]] = [[] for _ in job.calls]
        for link in job.links:
            sources[link.target].append(link.source)
        for at, call in enumerate(job.calls):
            parents = [turns[source] for source in sources[at]]
            known = job.is_chain or call.ids is not None
            turns.append(
                builder.turn(
                    call.prompt_tokens, call.output_tokens, ids=call.ids, trie=trie, extends=parents if known else ()
                )
            )
        for link in job.links:
            builder.edge(turns[link.source], turns[link.target], link.gap_s, link.tool)
    return builder.trace("llmservingsim", len(files), problems)


def _job(record: Record, fresh: _FreshIds) -> _Job:
    if "sub_requests" in record and "nodes" in record:
        raise record.error("nodes", "are given beside sub_requests; allowed: one of the two")
    if "sub_requests" in record:
        family, calls, links = "session", *_chain(record, fresh)
    elif "nodes" in record:
        family, calls, links = "workflow", *_graph(record)
    else:
        family, calls, links = "request", [_call(record)], []
    return _Job(
        record.seconds("arrival_time_ns", minimum=0.0, per_s=1e9),
        record.seconds("deadline_ns", math.inf, per_s=1e9),
        record.text("tenant", "default"),
        family,
        calls,
        links,
        family == "session",
    )


def _call(record: Record) -> _Call:
    prompt_tokens = record.tokens("input_toks", 1)
    ids = record.ids("input_tok_ids", prompt_tokens, 1)
    return _Call(prompt_tokens, record.tokens("output_toks"), ids if ids is not None and len(ids) else None)


def _chain(record: Record, fresh: _FreshIds) -> tuple[list[_Call], list[_Link]]:
    parts = record.records("sub_requests")
    if not parts:
        raise record.error("sub_requests", "is empty; allowed: at least one call")
    calls = [_call(part) for part in parts]
    if record.choice("input_mode", _INPUT_MODES, "cumulative") == _DELTAS:
        calls = _accumulate(record, calls, fresh)
    links = []
    for at, part in enumerate(parts[:-1]):
        gap_s = part.seconds("tool_duration_ns", 0.0, 0.0, 1e9)
        links.append(_Link(at, at + 1, gap_s, part.text(("tool", "tool_name"), "tool")))
    return calls, links


def _accumulate(record: Record, deltas: list[_Call], fresh: _FreshIds) -> list[_Call]:
    """Whole prompts from what each call appends; generated tokens get ids that nothing else has.

    From the first call without ids on, the tokens of the context are unknown.
    """
    pieces: list[np.ndarray] = []
    prompts: list[int] = []
    named = context = 0
    for at, delta in enumerate(deltas):
        prompts.append(context + delta.prompt_tokens)
        context = prompts[-1] + delta.output_tokens
        goes_on = named == at and delta.ids is not None
        most = _MOST_NAMED if goes_on else MAX_TOKENS
        if context > most:
            raise record.error(f"sub_requests[{at}].input_toks", f"the context grows beyond {most} tokens")
        if goes_on and delta.ids is not None:
            named += 1
            pieces += [delta.ids, fresh.take(delta.prompt_tokens - len(delta.ids) + delta.output_tokens)]
    known = np.concatenate((NO_IDS, *pieces))
    return [
        _Call(prompt, delta.output_tokens, known[:prompt] if at < named else None)
        for at, (prompt, delta) in enumerate(zip(prompts, deltas, strict=True))
    ]


def _graph(record: Record) -> tuple[list[_Call], list[_Link]]:
    nodes = record.records("nodes")
    if not nodes:
        raise record.error("nodes", "is empty; allowed: at least one call")
    at_node: dict[str, int] = {}
    for at, node in enumerate(nodes):
        name = node.text("node_id")
        if name in at_node:
            raise node.error("node_id", f"{shown(name)} is used twice; allowed: a node_id of its own for each node")
        at_node[name] = at
    links = [_link(edge, nodes, at_node) for edge in record.records("edges", [])]
    parents: list[list[int]] = [[] for _ in nodes]
    for link in links:
        parents[link.target].append(link.source)
    order = topological_order(parents)
    if order is None:
        raise record.error("edges", "form a cycle; allowed: a directed acyclic graph")
    rank = {node: at for at, node in enumerate(order)}
    links = [link._replace(source=rank[link.source], target=rank[link.target]) for link in links]
    return [_call(nodes[node]) for node in order], links


def _link(edge: Record, nodes: list[Record], at_node: dict[str, int]) -> _Link:
    ends = []
    for field in ("src", "dst"):
        name = edge.text(field)
        if name not in at_node:
            raise edge.error(field, f"{shown(name)} is no node; allowed: {listed(at_node)}")
        ends.append(at_node[name])
    tool = nodes[ends[0]].text(("tool", "tool_name"), "tool")
    return _Link(ends[0], ends[1], edge.seconds("delay_ns", 0.0, 0.0, 1e9), tool)
