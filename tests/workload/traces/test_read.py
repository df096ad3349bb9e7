"""Formats, options, reuse, cutting and sampling."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim_env.workload.programs import Programs
from agentsim_env.workload.traces import (
    FORMATS,
    ServiceEstimate,
    Trace,
    TraceError,
    TraceSampler,
    UnforeseenError,
    cut_programs,
    detect_format,
    hit_blocks,
    prefix_reuse,
    read_trace,
    ready_order,
    sample_episode,
)
from agentsim_env.workload.traces.json_ids import load_json
from agentsim_env.workload.validation import validate

Write = Callable[..., Path]


def request(t_s: float, prompt: int, ids: list[int], output: int = 10) -> dict[str, Any]:
    return {"timestamp": t_s * 1e3, "input_length": prompt, "output_length": output, "hash_ids": ids}


@pytest.fixture
def chats(jsonl: Write) -> Programs:
    """Forty programs of one to three turns, all behind the same block of 512 tokens."""
    rows = []
    for chat in range(40):
        for turn in range(1 + chat % 3):
            ids = [0, *(1000 * (chat + 1) + i for i in range(2 * turn + 1))]
            rows.append(request(10.0 * chat + 100 * turn, 512 * len(ids) + 40, [*ids, 1000 * (chat + 1) + 500 + turn]))
    programs = read_trace(jsonl(rows), service=ServiceEstimate(0.0, 0.0, 0.0)).programs
    assert len(programs.program) == 40
    validate(programs)
    return programs


@pytest.mark.parametrize(
    ("first", "name"),
    [
        ('{"timestamp": 0, "input_length": 5, "output_length": 5, "hash_ids": [1]}', "mooncake"),
        ('{"chat_id": 1, "parent_chat_id": -1, "timestamp": 0, "input_length": 5}', "bailian"),
        ('{"input_toks": 5, "output_toks": 5, "arrival_time_ns": 0}', "llmservingsim"),
        ('{"session_id": "a", "sub_requests": []}', "llmservingsim"),
        ('{"workflow_id": "a", "nodes": [], "edges": []}', "llmservingsim"),
        ('{"schema": "dynamo.agentic_mooncake", "version": 2}', "aisimulate"),
        ('{"id": "a", "block_size": 64, "requests": [{"in": 5, "hash_ids": [1, 2', "claude_code"),
        ("\ufeffTIMESTAMP,ContextTokens,GeneratedTokens", "azure"),
        ("t_s,in,out", "azure"),
        ("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type", "burstgpt"),
        ('{"format":"agentsim_env.programs","version":1}', "agentsim"),
    ],
)
def test_formats_are_told_by_content(tmp_path: Path, first: str, name: str) -> None:
    path = tmp_path / "trace.txt"
    path.write_text(first + "\n")
    assert detect_format(path) == name


@pytest.mark.parametrize("content", ["a,b,c\n1,2,3\n", '{"a": 1}\n', "hello\n"])
def test_unknown_formats_list_the_known(tmp_path: Path, content: str) -> None:
    path = tmp_path / "trace.txt"
    path.write_text(content)
    with pytest.raises(TraceError, match="no known trace format; known: ") as caught:
        read_trace(path)
    assert all(name in str(caught.value) for name in FORMATS)


def test_the_page_lists_the_formats() -> None:
    page = (Path(__file__).parents[3] / "docs" / "traces.md").read_text()
    table = page.split("| format | layout |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(FORMATS)


def test_what_a_reader_does_not_foresee_keeps_its_cause(jsonl: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path, options: object) -> Trace:
        raise KeyError("x")

    monkeypatch.setitem(FORMATS, "mooncake", FORMATS["mooncake"]._replace(read=broken))
    with pytest.raises(UnforeseenError, match=r"not readable as mooncake: KeyError \('x'\), .* report it") as caught:
        read_trace(jsonl([request(0, 600, [1, 2])]))
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(5, "Input/output error"), r"cannot be read \(Input/output error\)"),
        (MemoryError(), "does not fit into memory"),
    ],
)
def test_what_the_machine_cannot_do_is_no_fault_of_the_reader(
    jsonl: Write, monkeypatch: pytest.MonkeyPatch, error: BaseException, message: str
) -> None:
    def broken(path: Path, options: object) -> Trace:
        raise error

    monkeypatch.setitem(FORMATS, "mooncake", FORMATS["mooncake"]._replace(read=broken))
    with pytest.raises(TraceError, match=message) as caught:
        read_trace(jsonl([request(0, 600, [1, 2])]))
    assert not isinstance(caught.value, UnforeseenError)


def test_what_cannot_be_opened(tmp_path: Path, jsonl: Write) -> None:
    with pytest.raises(TraceError, match="no such file or folder"):
        read_trace(tmp_path / "nothing")
    with pytest.raises(TraceError, match=r"no trace in this folder; allowed: files ending in \.jsonl"):
        read_trace(tmp_path, "mooncake")
    with pytest.raises(ValueError, match="format is 'csv'; allowed: auto, agentsim, aisimulate"):
        read_trace(tmp_path, "csv")
    path = jsonl([request(0, 600, [1, 2])] * 100, "trace.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TraceError, match="damaged gzip file"):
        read_trace(path)
    with pytest.raises(TraceError, match="holds no request that could be read as mooncake"):
        read_trace(jsonl(["{"]), "mooncake", skip_bad_lines=True)
    bad_options: list[dict[str, Any]] = [{"block_size": 0}, {"trace_block_tokens": 0}, {"max_turns": 0}]
    for options in bad_options:
        with pytest.raises(ValueError, match="allowed: at least 1"):
            read_trace(jsonl([request(0, 600, [1, 2])]), **options)
    with pytest.raises(ValueError, match="base_s is -1"):
        ServiceEstimate(-1.0)


def test_options_reach_the_reader(jsonl: Write) -> None:
    path = jsonl([request(0, 600, list(range(38)))])
    programs = read_trace(path, trace_block_tokens=16, block_size=32).programs
    assert programs.block_size == 32
    assert programs.segment.tolist() == [(-1, 0, 20)]


def test_options_that_a_format_has_no_use_for(jsonl: Write) -> None:
    path = jsonl(["t_s,in,out", "0,10,5"], "trace.csv")
    with pytest.raises(TraceError, match="trace_block_tokens: is 16, and azure has no use for it"):
        read_trace(path, trace_block_tokens=16)


def test_report_describes_itself(jsonl: Write) -> None:
    rows = [request(60, 600, [1, 2], 0), "x", request(0, 1100, [1, 2, 3]), request(90, 1700, [1, 2, 3, 4])]
    report = read_trace(jsonl(rows), skip_bad_lines=True).report
    assert report.describe().splitlines() == [
        "mooncake trace: 2 programs, 3 requests in 90 s",
        "records out of time order, sorted: 1",
        "follow-ups found by their ids, chained into 1 programs (sessions: named keeps them apart): 1",
        "outputs of 0 tokens, raised to 1: 1",
        "bad lines, skipped: 1",
        "  trace.jsonl:2: not JSON (Expecting value, column 1)",
        "3,400 prompt tokens (47.5% reusable by an unbounded cache), 20 output tokens",
    ]


def test_a_description_quotes_a_few_bad_lines(jsonl: Write) -> None:
    report = read_trace(jsonl([request(0, 600, [1, 2], 5), *["{"] * 5]), skip_bad_lines=True).report
    quoted = [line for line in report.describe().splitlines() if line.startswith("  ")]
    assert quoted[-1] == "  ..."
    assert [line.split(": ")[0] for line in quoted[:-1]] == [f"  trace.jsonl:{line}" for line in (2, 3, 4)]


def test_limits_that_leave_nothing_are_an_error(jsonl: Write) -> None:
    path = jsonl([request(0, 600, [1, 2], 5), request(1, 700, [3, 4], 5)])
    with pytest.raises(TraceError, match=r"max_context_tokens = 604 leaves no program; .* first turn takes 605 tokens"):
        read_trace(path, max_context_tokens=604)
    assert read_trace(path, max_context_tokens=605).report.cut_programs == 1


def test_json_with_ids_is_plain_json() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        lists = [rng.integers(-9, 1200, rng.integers(0, 6)).tolist()]
        for _ in range(5):
            lists.append(lists[-1][: rng.integers(0, 6)] + rng.integers(0, 1200, rng.integers(0, 4)).tolist())
        content = {"requests": [{"hash_ids": ids, "input_tok_ids": ids[::-1], "in": 3} for ids in lists]}
        for text in (json.dumps(content), json.dumps(content, indent=2), json.dumps(content, separators=(",", ":"))):
            found = load_json(text.encode())
            assert [row["hash_ids"].tolist() for row in found["requests"]] == lists
            assert [row["input_tok_ids"].tolist() for row in found["requests"]] == [ids[::-1] for ids in lists]
    assert load_json(b'{"a": "\\"hash_ids\\": [1, 2]", "hash_ids": null}') == {
        "a": '"hash_ids": [1, 2]',
        "hash_ids": None,
    }


def test_reuse_counts_each_block_once(chats: Programs) -> None:
    order = ready_order(chats)
    ready_s = chats.program["arrival_s"][chats.turn["program"][order]]
    first = chats.turn["n_parents"][order] == 0
    assert (np.diff(ready_s[first]) >= 0).all()
    hits = hit_blocks(chats, order, generated=False)
    seen: set[tuple[int, int]] = set()
    for turn in order.tolist():
        path, segment = [], int(chats.turn["segment"][turn])
        while segment >= 0:
            begin, n = int(chats.segment["start_block"][segment]), int(chats.segment["n_blocks"][segment])
            path += [(segment, block) for block in range(begin, begin + n)]
            segment = int(chats.segment["parent"][segment])
        prompt = int(chats.turn["prompt_tokens"][turn])
        whole = sorted(path, key=lambda item: item[1])[: prompt // 16]
        known = sum(item in seen for item in whole[: (prompt - 1) // 16])
        assert hits[turn] == known
        seen.update(whole)
    assert prefix_reuse(chats, generated=False) == hits.sum() * 16 / chats.turn["prompt_tokens"].sum()
    assert prefix_reuse(chats._replace(turn=chats.turn[:0])) == 0.0


def test_cut_by_turns_and_by_context(chats: Programs) -> None:
    short = cut_programs(chats, max_turns=2)
    validate(short)
    assert short.program["n_turns"].max() == 2
    assert len(short.program) == 40
    small = cut_programs(chats, max_context_tokens=1500)
    validate(small)
    assert small.program["n_turns"].tolist() == [1] * 40
    with pytest.raises(ValueError, match="max_turns is 0"):
        cut_programs(chats, max_turns=0)
    assert cut_programs(chats, max_turns=3) is chats
    assert len(cut_programs(chats, max_context_tokens=100).program) == 0


def test_cut_graph_keeps_joins_of_what_is_left(jsonl: Write) -> None:
    nodes = [{"node_id": i, "input_toks": 10, "output_toks": 4} for i in range(5)]
    edges = [{"src": a, "dst": b} for a, b in ((0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (0, 4))]
    path = jsonl([{"arrival_time_ns": 0, "nodes": nodes, "edges": edges}])
    programs, report = read_trace(path, max_turns=4)
    validate(programs)
    assert programs.turn["n_parents"].tolist() == [0, 1, 1, 2]
    assert (report.requests, report.cut_turns, report.cut_programs) == (5, 1, 0)


def same_sharing(whole: Programs, part: Programs, chosen: np.ndarray) -> None:
    """Hits within an episode are those of the same programs alone in the whole workload."""
    turns = np.concatenate(
        [np.arange(first, first + n) for first, n in whole.program[["first_turn", "n_turns"]][chosen].tolist()]
    )
    assert np.array_equal(hit_blocks(part, np.arange(len(part.turn))), hit_blocks(whole, turns)[turns])


def test_episode_is_a_window_of_a_trace_with_arrivals(chats: Programs) -> None:
    sampler = TraceSampler(chats)
    assert sampler.has_arrivals
    assert sampler.count() == 40
    starts = set()
    for seed in range(50):
        episode = sampler.sample(7, np.random.default_rng(seed))
        validate(episode)
        assert episode.program["arrival_s"].tolist() == [10.0 * i for i in range(7)]
        starts.add(int(episode.program["n_turns"][0]))
        again = sample_episode(chats, 7, np.random.default_rng(seed))
        assert all(np.array_equal(a, b) for a, b in zip(episode[:4], again[:4], strict=True))
    assert starts == {1, 2, 3}
    taken = sampler.take(np.arange(5, 12))
    same_sharing(chats, taken, np.arange(5, 12))
    assert len(taken.segment) < len(chats.segment)


def test_window_and_part_limit_what_is_drawn(chats: Programs) -> None:
    sampler = TraceSampler(chats, part=(0.5, 1.0))
    assert (sampler.first, sampler.end) == (20, 40)
    assert sampler.count((250.0, 300.0)) == 5
    episode = sampler.sample(5, np.random.default_rng(0), window=(250.0, 300.0))
    assert episode.program["n_turns"].tolist() == [1 + chat % 3 for chat in range(25, 30)]
    assert sampler.count((0.0, 100.0)) == 0
    with pytest.raises(ValueError, match="n_programs is 6; allowed: 1 to 5"):
        sampler.sample(6, np.random.default_rng(0), window=(250.0, 300.0))
    with pytest.raises(ValueError, match="part is"):
        TraceSampler(chats, part=(0.5, 0.5))
    with pytest.raises(ValueError, match="holds none"):
        TraceSampler(chats, part=(0.5, 0.501))


def test_given_arrivals_move_deadlines_along(chats: Programs) -> None:
    chats.program["deadline_s"] = chats.program["arrival_s"] + 60.0
    episode = TraceSampler(chats).sample(3, np.random.default_rng(0), np.array([0.0, 0.5, 0.5]))
    assert episode.program["arrival_s"].tolist() == [0.0, 0.5, 0.5]
    assert episode.program["deadline_s"].tolist() == [60.0, 60.5, 60.5]
    for bad in ([0.0, 1.0], [0.0, 2.0, 1.0], [0.0, 1.0, np.nan]):
        with pytest.raises(ValueError, match="arrivals must be 3 finite times"):
            TraceSampler(chats).sample(3, np.random.default_rng(0), np.array(bad))


def test_subset_of_a_trace_without_arrivals(chats: Programs) -> None:
    chats.program["arrival_s"] = 0.0
    sampler = TraceSampler(chats)
    episodes = [sampler.sample(20, np.random.default_rng(seed)) for seed in range(3)]
    for episode in episodes:
        validate(episode)
        assert len(episode.program) == 20
    assert episodes[0].program["n_turns"].tolist() != episodes[1].program["n_turns"].tolist()
    chosen = np.random.default_rng(5).permutation(40)[:10]
    same_sharing(chats, sampler.take(chosen), chosen)
    with pytest.raises(ValueError, match="has no arrival times"):
        sampler.sample(2, np.random.default_rng(0), window=(0.0, 1.0))


def test_closed_loop_programs_cannot_be_taken_apart(chats: Programs) -> None:
    chats.program["after"][3] = 2
    with pytest.raises(ValueError, match="closed loop"):
        TraceSampler(chats)
    with pytest.raises(ValueError, match="closed loop"):
        cut_programs(chats, max_turns=1)
