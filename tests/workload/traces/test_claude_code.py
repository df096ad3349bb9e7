import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim_env.workload.traces import ServiceEstimate, TraceError, UnforeseenError, prefix_reuse, read_trace
from agentsim_env.workload.validation import validate

Write = Callable[..., Path]


def request(t: float, prompt: int, ids: list[int], output: int = 20, **more: Any) -> dict[str, Any]:
    row = {"t": t, "type": "n", "model": "m", "in": prompt, "out": output, "hash_ids": ids}
    return {**row, "input_types": ["tool_result"], "stop": "tool_use", "api_time": 2.0, "think_time": 3.0, **more}


def conversation(*requests: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "c", "models": ["m"], "block_size": 64, "hash_id_scope": "local", "requests": requests, **more}


def edges(programs: Any) -> list[tuple[int, int, float, str]]:
    source = np.repeat(np.arange(len(programs.turn)), programs.turn["n_edges"])
    return [
        (int(s), int(e["target"]), round(float(e["gap_s"]), 6), programs.tools[e["tool"]].name)
        for s, e in zip(source, programs.edge, strict=True)
    ]


def test_chain_of_turns(jsonl: Write) -> None:
    path = jsonl(
        [
            conversation(
                request(0, 130, [1, 2], input_types=["text"]),
                request(5, 200, [1, 2, 3]),
                request(60, 300, [1, 2, 3, 4], think_time=50, input_types=["text"]),
            )
        ],
        "one.json",
    )
    programs, report = read_trace(path)
    validate(programs)
    assert edges(programs) == [(0, 1, 3.0, "tool"), (1, 2, 50.0, "user")]
    assert programs.program["arrival_s"].tolist() == [0.0]
    assert programs.turn["new_tokens"].tolist() == [130, 50, 80]
    assert len(programs.segment) == 1
    assert (report.format, report.requests, report.main_requests, report.sessions) == ("claude_code", 3, 3, 1)


def test_missing_times_are_estimated(jsonl: Write) -> None:
    path = jsonl(
        [
            conversation(
                request(0, 130, [1, 2]),
                request(10, 200, [1, 2, 3], think_time=None, api_time=None),
                request(30, 300, [1, 2, 3, 4], think_time=None),
            )
        ],
        "one.json",
    )
    programs = read_trace(path, service=ServiceEstimate(4.0, 0.0, 0.0)).programs
    assert edges(programs) == [(0, 1, 8.0, "tool"), (1, 2, 16.0, "tool")]


def agent(t: float, duration_s: float, *requests: dict[str, Any]) -> dict[str, Any]:
    return {"t": t, "type": "subagent", "duration_ms": duration_s * 1e3, "requests": requests}


def test_subagents_fan_out_and_join_the_next_turn(jsonl: Write) -> None:
    path = jsonl(
        [
            conversation(
                request(0, 130, [1, 2]),
                agent(20.5, 15.5, request(0, 70, [8]), request(6, 140, [8, 9])),
                agent(30.5, 25.0, request(0, 70, [8])),
                request(40, 200, [1, 2, 3], think_time=38),
                request(50, 280, [1, 2, 3, 4]),
            )
        ],
        "one.json",
    )
    programs, report = read_trace(path)
    validate(programs)
    assert edges(programs) == [
        (0, 1, 3.0, "agent"),
        (0, 3, 3.5, "agent"),
        (1, 2, 3.0, "tool"),
        (2, 4, 19.5, "agent"),
        (3, 4, 9.5, "agent"),
        (4, 5, 3.0, "tool"),
    ]
    assert (report.requests, report.subagent_requests, report.main_requests) == (6, 3, 3)
    assert report.subagent_prompt_tokens == 280
    assert report.subagent_output_tokens == 60
    assert programs.turn["segment"][0] == programs.turn["segment"][5]


def test_subagent_that_is_not_awaited(jsonl: Write) -> None:
    path = jsonl(
        [
            conversation(
                request(0, 130, [1, 2]),
                agent(100.0, 97.0, request(0, 70, [8])),
                request(5, 200, [1, 2, 3]),
                request(120, 280, [1, 2, 3, 4], think_time=113),
                agent(150.0, 20.0, request(0, 70, [8])),
            )
        ],
        "one.json",
    )
    assert edges(read_trace(path).programs) == [
        (0, 1, 1.0, "agent"),
        (0, 2, 3.0, "tool"),
        (1, 3, 20.0, "agent"),
        (2, 3, 113.0, "tool"),
        (3, 4, 8.0, "agent"),
    ]


def test_newer_layout_gives_the_start_of_a_subagent_and_times_of_the_conversation(jsonl: Write) -> None:
    path = jsonl(
        [
            conversation(
                request(100.0, 128, [1, 2], type="s"),
                agent(105.0, 20.0, request(106.0, 128, [8, 9]), request(115.0, 192, [8, 9, 10])),
                request(130.0, 256, [1, 2, 3, 4]),
            )
        ],
        "many.jsonl",
    )
    assert edges(read_trace(path).programs) == [(0, 1, 4.0, "agent"), (1, 2, 3.0, "tool"), (2, 3, 5.0, "agent")]


def test_folder_and_packed_files_are_the_same(jsonl: Write, tmp_path: Path) -> None:
    content = [conversation(request(0, 130, [1, 2]), request(5, 200, [1, 2, 3])) for _ in range(3)]
    folder = tmp_path / "folder"
    folder.mkdir()
    for at, item in enumerate(content):
        packed = gzip.compress(json.dumps(item, indent=1).encode())
        (folder / f"t{at}.json.gz").write_bytes(packed)
    (folder / "notes.txt").write_text("nothing")
    a, b = read_trace(folder).programs, read_trace(jsonl(content)).programs
    assert all(np.array_equal(x, y) for x, y in zip(a[:4], b[:4], strict=True))
    assert len(a.program) == 3
    assert len(np.unique(a.segment["parent"])) == 1  # ids are local: conversations share nothing


def test_bad_requests_are_skipped_within_a_conversation(jsonl: Write) -> None:
    bad = request(5, 200, [1, 2, 3], type="x")
    path = jsonl([conversation(request(0, 130, [1, 2]), bad, request(9, 280, [1, 2, 3, 4])), conversation()])
    with pytest.raises(TraceError, match=r":1: requests\[1\].type: is 'x'; allowed: n, s, subagent"):
        read_trace(path)
    programs, report = read_trace(path, skip_bad_lines=True)
    assert [line.line for line in report.bad_lines] == [1, 2]
    assert "no request that could be read" in report.bad_lines[1].message
    assert edges(programs) == [(0, 1, 3.0, "tool")]


def test_syntax_errors_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    text = json.dumps(conversation(request(0, 130, [1, 2])), indent=1)
    path.write_text(text.replace('"stop"', "stop"))
    line = text.split('"stop"')[0].count("\n") + 1
    with pytest.raises(TraceError) as caught:
        read_trace(path)
    assert caught.value.line == line


def test_totals(shared_data: Path, public_traces: Path, conversations: int | None) -> None:
    main, agents = [], []
    with gzip.open(shared_data / "traces" / "claude_code_weka.jsonl.gz", "rt") as lines:
        for line in list(lines)[:conversations]:
            content = json.loads(line)
            main += content["req"]
            for sub in content.get("sub", []):
                agents += sub["req"]
    programs, report = read_trace(public_traces / "claude_code_weka")
    validate(programs)
    assert report.main_requests == len(main)
    assert report.subagent_requests == len(agents)
    assert report.prompt_tokens - report.subagent_prompt_tokens == sum(row[1] for row in main)
    assert report.output_tokens - report.subagent_output_tokens == sum(row[2] for row in main)
    assert report.subagent_prompt_tokens == sum(row[1] for row in agents)
    assert report.raised_outputs == sum(row[2] == 0 for row in main + agents)
    if conversations is None:
        assert (report.sessions, report.main_requests, report.subagent_requests) == (692, 45_542, 676)
        assert round(report.prompt_tokens / report.requests / 1e3, 1) == 118.3
        assert round((report.prompt_tokens - report.subagent_prompt_tokens) / 45_542 / 1e3, 1) == 119.4
        assert round((report.output_tokens - report.subagent_output_tokens) / 45_542) == 439
        assert round(prefix_reuse(programs, generated=False), 3) == 0.962


@pytest.mark.parametrize(("levels", "fits"), [(50, True), (51, False), (200, False), (2_000, False)])
def test_sub_agents_in_one_another_are_bounded(tmp_path: Path, levels: int, fits: bool) -> None:
    request = '{"t": 1, "in": 64, "out": 5, "hash_ids": [1]}'
    nested = request
    for _ in range(levels):
        nested = f'{request}, {{"t": 1, "type": "subagent", "requests": [{nested}]}}'
    path = tmp_path / "trace.jsonl"
    path.write_text(f'{{"id": "c", "block_size": 64, "requests": [{nested}]}}\n')
    if fits:
        assert read_trace(path).report.requests == levels + 1
        return
    with pytest.raises(TraceError, match=r"more than 50 sub-agents in one another|recursion") as caught:
        read_trace(path)
    assert not isinstance(caught.value, UnforeseenError)


def test_a_sub_agent_that_only_starts_others_loses_none_of_their_requests(jsonl: Write) -> None:
    leaf = {"t": 6, "type": "subagent", "duration_ms": 2000, "requests": [request(6, 64, [9])]}
    outer = {"t": 5, "type": "subagent", "duration_ms": 4000, "requests": [leaf, leaf]}
    programs, report = read_trace(jsonl([conversation(request(0, 130, [1, 2]), outer, request(20, 200, [1, 2, 3]))]))
    validate(programs)
    assert (report.requests, report.subagent_requests) == (4, 2)


def test_requests_are_sorted_by_time_and_sub_agents_stay_behind_theirs(jsonl: Write) -> None:
    agent = {"t": 4, "type": "subagent", "duration_ms": 1000, "requests": [request(4, 64, [9])]}
    first, second, third = request(0, 130, [1, 2]), request(20, 200, [1, 2, 3]), request(40, 300, [1, 2, 3, 4])
    ordered, _ = read_trace(jsonl([conversation(first, agent, second, third)], "ordered.jsonl"))
    programs, report = read_trace(jsonl([conversation(third, first, agent, second)], "mixed.jsonl"))
    assert edges(programs) == edges(ordered)
    assert report.sorted_records == 2


def test_conversations_that_come_twice_are_told(jsonl: Write) -> None:
    one = conversation(request(0, 130, [1, 2]))
    assert read_trace(jsonl([one, one])).report.doubts == (
        "1 conversations have the id of an earlier one; they are played as well",
    )
