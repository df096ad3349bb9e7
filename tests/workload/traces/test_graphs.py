"""LLMServingSim, AgentServeSim and AISimulate: requests with explicit dependencies."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim_env.workload.programs import Programs
from agentsim_env.workload.traces import TraceError, read_trace
from agentsim_env.workload.traces.graph import topological_order
from agentsim_env.workload.validation import validate

Write = Callable[..., Path]


def edges(programs: Programs) -> list[tuple[int, int, float, str]]:
    source = np.repeat(np.arange(len(programs.turn)), programs.turn["n_edges"])
    return [
        (int(s), int(e["target"]), round(float(e["gap_s"]), 6), programs.tools[e["tool"]].name)
        for s, e in zip(source, programs.edge, strict=True)
    ]


def call(prompt: int, output: int, ids: list[int] | None = None, **more: Any) -> dict[str, Any]:
    row = {"input_toks": prompt, "output_toks": output, "tool_duration_ns": 2_000_000_000, **more}
    return row if ids is None else {**row, "input_tok_ids": ids, "output_tok_ids": list(range(output))}


def test_flat_requests_share_token_prefixes(jsonl: Write) -> None:
    rows = [
        {**call(40, 8, list(range(40))), "arrival_time_ns": 2_000_000_000},
        {**call(40, 8, [*range(33), *range(100, 107)]), "arrival_time_ns": 1_000_000_000},
        {**call(40, 8), "arrival_time_ns": 3_000_000_000},
    ]
    programs, report = read_trace(jsonl(rows))
    validate(programs)
    assert (report.format, report.sessions) == ("llmservingsim", 3)
    assert programs.program["arrival_s"].tolist() == [0.0, 1.0, 2.0]
    assert sorted(programs.segment.tolist()) == [(-1, 0, 2), (-1, 0, 3), (0, 2, 1), (0, 2, 1)]


def test_chain_with_token_ids_and_tools(jsonl: Write) -> None:
    row = {
        "session_id": "s",
        "arrival_time_ns": 5,
        "tenant": "team",
        "deadline_ns": 9_000_000_005,
        "sub_requests": [
            call(16, 8, list(range(16)), tool="search"),
            call(40, 8, list(range(40)), tool_name="calculator"),
            call(44, 8, [*range(40), 7, 7, 7, 7]),
        ],
    }
    programs, _ = read_trace(jsonl([row]))
    validate(programs)
    assert edges(programs) == [(0, 1, 2.0, "search"), (1, 2, 2.0, "calculator")]
    assert programs.program["deadline_s"].tolist() == [9.0]
    assert programs.tenants == ("team",)
    assert programs.turn["new_tokens"].tolist() == [16, 16, 12]  # the third prompt leaves no room for 8 tokens
    assert programs.turn["segment"].tolist() == [0, 2, 1]


def test_chain_without_ids_grows(jsonl: Write) -> None:
    row = {"session_id": "s", "arrival_time_ns": 0, "sub_requests": [call(100, 10), call(150, 10), call(300, 10)]}
    programs = read_trace(jsonl([row])).programs
    assert len(programs.segment) == 1
    assert programs.turn["new_tokens"].tolist() == [100, 40, 140]


@pytest.mark.parametrize("with_ids", [True, False])
def test_streaming_deltas_accumulate(jsonl: Write, with_ids: bool) -> None:
    calls = [call(n, 10, [5] * n if with_ids else None) for n in (100, 40, 140)]
    row = {"session_id": "s", "arrival_time_ns": 0, "input_mode": "streaming-deltas", "sub_requests": calls}
    programs = read_trace(jsonl([row])).programs
    assert programs.turn["prompt_tokens"].tolist() == [100, 150, 300]
    assert programs.turn["new_tokens"].tolist() == [100, 40, 140]
    assert len(programs.segment) == 1


def node(name: str, prompt: int, ids: list[int] | None = None) -> dict[str, Any]:
    row = {"node_id": name, "input_toks": prompt, "output_toks": 4, "tool": f"tool_{name}"}
    return row if ids is None else {**row, "input_tok_ids": ids}


def test_graph(jsonl: Write) -> None:
    row = {
        "workflow_id": "w",
        "arrival_time_ns": 0,
        "nodes": [node("end", 90), node("a", 40), node("b", 50), node("c", 60)],
        "edges": [
            {"src": "a", "dst": "b", "delay_ns": 1_000_000_000},
            {"src": "a", "dst": "c"},
            {"src": "b", "dst": "end"},
            {"src": "c", "dst": "end", "delay_ns": 500_000_000, "message_bytes": 10},
        ],
    }
    programs = read_trace(jsonl([row])).programs
    validate(programs)
    assert programs.turn["prompt_tokens"].tolist() == [40, 50, 60, 90]
    assert edges(programs) == [
        (0, 1, 1.0, "tool_a"),
        (0, 2, 0.0, "tool_a"),
        (1, 3, 0.0, "tool_b"),
        (2, 3, 0.5, "tool_c"),
    ]
    assert len(programs.segment) == 4  # agents of a graph share nothing that the trace does not show
    row["edges"].append({"src": "end", "dst": "a"})
    with pytest.raises(TraceError, match=r":1: edges: form a cycle"):
        read_trace(jsonl([row]))
    row["edges"][-1] = {"src": "end", "dst": "z"}
    with pytest.raises(TraceError, match=r":1: edges\[4\].dst: 'z' is no node; allowed: end, a, b, c"):
        read_trace(jsonl([row]))


def test_shapes_can_be_mixed_and_errors_name_their_place(jsonl: Write) -> None:
    rows = [
        {**call(40, 8), "arrival_time_ns": 0},
        {"session_id": "s", "arrival_time_ns": 0, "sub_requests": [call(100, 10), {"input_toks": 3}]},
        {"session_id": "s", "arrival_time_ns": 0, "sub_requests": []},
        {"session_id": "s", "arrival_time_ns": 0, "input_mode": "x", "sub_requests": [call(100, 10)]},
    ]
    with pytest.raises(TraceError, match=r":2: sub_requests\[1\].output_toks: is missing"):
        read_trace(jsonl(rows))
    report = read_trace(jsonl(rows), skip_bad_lines=True).report
    assert [line.line for line in report.bad_lines] == [2, 3, 4]
    assert "allowed: cumulative, streaming-deltas" in report.bad_lines[2].message


HEADER = {
    "schema": "dynamo.agentic_mooncake",
    "version": 2,
    "block_size": 64,
    "hash_id_scope": "local",
    "source": {"format": "test", "digest": "x"},
}


def play(name: str, prompt: int, ids: list[int], at_ms: float, *waits: tuple[str, str, float, str]) -> dict[str, Any]:
    return {
        "request_id": name,
        "play_id": name[0],
        "session_id": f"{name[0]}-main" if name[1] != "x" else f"{name[0]}-sub",
        "model": "m",
        "input_length": prompt,
        "output_length": 20,
        "hash_ids": ids,
        "not_before_ms": at_ms,
        "dependencies": [
            {"request_id": other, "trigger": trigger, "delay_ms": delay, "relation": relation}
            for other, trigger, delay, relation in waits
        ],
    }


def test_aisimulate_plays(jsonl: Write) -> None:
    rows = [
        HEADER,
        play("q1", 128, [1, 2], 7000),
        play("p3", 300, [1, 2, 3, 4], 5000, ("p1", "completion", 4000, "sequence"), ("px", "completion", 10, "join")),
        play("p1", 128, [1, 2], 1000),
        play("px", 70, [9, 8], 1500, ("p1", "completion", 500, "spawn")),
        play("p4", 64, [7], 5100, ("p3", "dispatch", 100, "replay_barrier")),
    ]
    programs, report = read_trace(jsonl(rows))
    validate(programs)
    assert (report.format, report.sessions, report.requests, report.approximated) == ("aisimulate", 2, 5, 0)
    assert programs.program["arrival_s"].tolist() == [0.0, 6.0]
    assert programs.turn["prompt_tokens"].tolist() == [128, 70, 300, 64, 128]
    assert edges(programs) == [
        (0, 1, 0.5, "agent"),
        (0, 2, 4.0, "tool"),
        (0, 3, 4.1, "tool"),
        (1, 2, 0.01, "agent"),
        (1, 3, 0.11, "agent"),
    ]
    assert programs.turn["new_tokens"].tolist() == [128, 70, 152, 64, 128]


def test_aisimulate_counts_what_a_program_cannot_say(jsonl: Write) -> None:
    rows = [
        HEADER,
        play("p1", 128, [1, 2], 0),
        play("p2", 128, [1, 3], 500),
        play("p3", 128, [1, 4], 0, ("p1", "dispatch", 100, "spawn")),
        play("p4", 128, [1, 5], 0, ("p1", "dispatch", 0, "spawn")),
    ]
    programs, report = read_trace(jsonl(rows))
    assert report.approximated == 2  # a later root, and a delay after the dispatch of a root
    assert programs.turn["n_parents"].tolist() == [0, 0, 0, 0]


def test_aisimulate_errors(jsonl: Write) -> None:
    first = play("p1", 128, [1, 2], 0)
    with pytest.raises(TraceError, match=r":1: version: is 3; allowed: 2"):
        read_trace(jsonl([{**HEADER, "version": 3}, first]))
    with pytest.raises(TraceError, match=r":1: schema: is None; allowed: 'dynamo.agentic_mooncake' in the first line"):
        read_trace(jsonl([first]))
    rows = [
        HEADER,
        first,
        first,
        play("p2", 128, [1, 2], 0, ("p9", "completion", 0, "sequence")),
        play("p3", 128, [1, 2], 0, ("p2", "completion", 0, "sequence")),
        play("p4", 128, [1, 2], 0, ("p1", "ending", 0, "sequence")),
        play("q1", 128, [1, 2], 0, ("q1", "completion", 0, "sequence")),
    ]
    with pytest.raises(TraceError, match=r":3: request_id: 'p1' was used before"):
        read_trace(jsonl(rows))
    programs, report = read_trace(jsonl(rows), skip_bad_lines=True)
    assert [line.line for line in report.bad_lines] == [3, 6, 4, 5, 7]
    assert len(programs.turn) == report.requests == 1


def test_topological_order_keeps_the_given_order_where_it_can() -> None:
    assert topological_order([[], [0], [], [1, 2, 2]]) == [0, 2, 1, 3]
    assert topological_order([[1], []]) == [1, 0]
    assert topological_order([[1], [0]]) is None


def test_output_ids_are_not_even_parsed(jsonl: Write) -> None:
    line = json.dumps({**call(4, 3, [1, 2, 3, 4]), "arrival_time_ns": 0}).replace("[0, 1, 2]", "[0, oops, 2]")
    assert len(read_trace(jsonl([line])).programs.turn) == 1


def timed(read: Callable[[], object]) -> float:
    begin = time.process_time()
    read()
    return time.process_time() - begin


@pytest.mark.parametrize("shape", ["chain", "star", "layers"])
def test_a_graph_of_many_nodes_takes_time_in_proportion(jsonl: Write, shape: str) -> None:
    def graph(n: int) -> Path:
        nodes = [{"node_id": i, "input_toks": 100, "output_toks": 5} for i in range(n)]
        ends = {
            "chain": [(i, i + 1) for i in range(n - 1)],
            "star": [(0, i) for i in range(1, n)],
            "layers": [(i, j) for i in range(n) for j in range(i + 7, min(n, i + 12))],
        }[shape]
        edges = [{"src": a, "dst": b} for a, b in ends]
        return jsonl([{"arrival_time_ns": 0, "nodes": nodes, "edges": edges}], f"{n}.jsonl")

    small, large = graph(1_000), graph(10_000)
    programs = read_trace(large).programs
    validate(programs)
    assert len(programs.turn) == 10_000
    assert timed(lambda: read_trace(large)) < 20 * timed(lambda: read_trace(small)) + 1.0


def test_a_long_chain_of_deltas_keeps_its_ids_once(jsonl: Write) -> None:
    calls = [call(20, 5, [i] * 20) for i in range(3_000)]
    row = {"arrival_time_ns": 0, "input_mode": "streaming-deltas", "sub_requests": calls}
    programs = read_trace(jsonl([row])).programs
    assert programs.turn["prompt_tokens"][-1] == 3_000 * 25 - 5
    assert (programs.turn["new_tokens"][1:] == 20).all()
    assert len(programs.segment) == 1


def test_a_context_of_deltas_is_bounded(jsonl: Write) -> None:
    calls = [{"input_toks": 4, "output_toks": 2**30, "input_tok_ids": [1, 2, 3, 4]}, call(4, 5, [1, 2, 3, 4])]
    row = {"arrival_time_ns": 0, "input_mode": "streaming-deltas", "sub_requests": calls}
    with pytest.raises(TraceError, match=r":1: sub_requests\[0\].input_toks: the context grows beyond 16777216 tokens"):
        read_trace(jsonl([row]))


def chained(name: str, *waits: tuple[str, str]) -> dict[str, Any]:
    return play(name, 64, [1], 0, *((other, trigger, 1.0, "sequence") for other, trigger in waits))


def test_a_chain_without_its_beginning_is_dropped_in_proportion(jsonl: Write) -> None:
    rows = [HEADER, *(chained(f"p{i}", (f"p{i - 1}", "completion")) for i in range(20_000)), chained("q1")]
    begin = time.process_time()
    report = read_trace(jsonl(rows), skip_bad_lines=True).report
    assert time.process_time() - begin < 30.0
    assert (report.requests, len(report.bad_lines)) == (1, 20_000)


def test_waits_for_dispatches_unfold_within_a_bound(jsonl: Write) -> None:
    many = [chained(f"pa{i}") for i in range(1_500)]
    join = chained("pj", *((f"pa{i}", "completion") for i in range(1_500)))
    rows = [HEADER, *many, join, *(chained(f"pd{i}", ("pj", "dispatch")) for i in range(1_500))]
    with pytest.raises(TraceError, match="dependencies: of this play come to more than 1,000,000 waits"):
        read_trace(jsonl(rows))


def test_names_beyond_what_a_workload_can_tell_apart(jsonl: Write) -> None:
    rows = [{**call(10, 5), "arrival_time_ns": 0, "tenant": f"t{i}"} for i in range(33_000)]
    with pytest.raises(TraceError, match="names more than 32,767 different values of tenant; allowed: fewer"):
        read_trace(jsonl(rows))


def test_a_line_is_a_chain_or_a_graph(jsonl: Write) -> None:
    call = {"input_toks": 10, "output_toks": 4}
    line = {"arrival_time_ns": 0, "sub_requests": [call], "nodes": [{"node_id": 0, **call}], "edges": []}
    with pytest.raises(TraceError, match="nodes: are given beside sub_requests; allowed: one of the two"):
        read_trace(jsonl([line]))
