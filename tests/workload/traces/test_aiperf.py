"""aiperf's texts: requests as messages, conversations, and sessions that start others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentsim_env.workload.traces import TraceError, detect_format, read_trace
from agentsim_env.workload.validation import validate
from tests.workload.traces.graphs import Turn, turns_of

Write = Callable[..., Path]


def user(tokens: int, mark: str = "u") -> dict[str, str]:
    """A message of so many tokens."""
    return {"role": "user", "content": mark * (4 * tokens)}


def assistant(text: str = "a") -> dict[str, str]:
    return {"role": "assistant", "content": text}


def session(name: str, *turns: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"session_id": name, "turns": list(turns), **fields}


def turn(tokens: int, mark: str = "u", output: int = 16, **fields: Any) -> dict[str, Any]:
    return {"messages": [user(tokens, mark)], "max_tokens": output, **fields}


def test_requests_as_messages(samples: Path) -> None:
    programs, report = read_trace(samples / "aiperf_mooncake_messages.jsonl")
    validate(programs)
    assert (report.format, report.sessions, report.requests) == ("aiperf", 1, 2)
    assert turns_of(programs) == [  # 9 and 17 characters, then 13 more behind an answer of 30 tokens
        Turn(3 + 5, 30, 8, {}),
        Turn(8 + 30 + 4, 12, 4, {0: (1.5, "user")}),
    ]
    assert report.doubts == ("lengths of 2 prompts are characters / 4, since the trace holds texts",)


def test_conversations(samples: Path) -> None:
    programs, report = read_trace(samples / "aiperf_multi_turn.jsonl")
    validate(programs)
    assert (report.sessions, report.requests, report.span_s) == (2, 4, 0.4)
    assert programs.program["arrival_s"].tolist() == [0.0, 0.4]
    assert turns_of(programs, 0) == [Turn(5, 128, 5, {}), Turn(5 + 128 + 4, 128, 4, {0: (1.5, "user")})]
    assert turns_of(programs, 1) == [Turn(4, 128, 4, {}), Turn(4 + 128 + 2, 128, 2, {0: (0.8, "user")})]
    assert "4 turns do not say their output; taken as 128 tokens" in report.doubts


def test_a_session_that_starts_two_others_and_waits(samples: Path) -> None:
    programs, report = read_trace(samples / "aiperf_dag.jsonl")
    validate(programs)
    assert (report.sessions, report.requests, report.subagent_requests, report.output_tokens) == (1, 4, 2, 742)
    assert (report.subagent_prompt_tokens, report.subagent_output_tokens, report.span_s) == (6, 550, None)
    waits = {turn.output_tokens: turn.waits_for for turn in turns_of(programs)}
    assert list(waits) == [64, 350, 200, 128]
    assert waits[64] == {}
    assert waits[350] == waits[200] == {0: (0.0, "agent")}
    assert waits[128] == {1: (0.3, "agent"), 2: (0.3, "agent")}
    assert turns_of(programs)[3][:3] == (4 + 64 + 2, 128, 2)


def test_lengths_and_ids_are_mooncakes(samples: Path, jsonl: Write) -> None:
    assert detect_format(samples / "aiperf_mooncake_sessions.jsonl") == "mooncake"
    programs, report = read_trace(samples / "aiperf_mooncake_sessions.jsonl")
    validate(programs)
    assert (report.sessions, report.prompt_tokens, report.output_tokens) == (2, 7600, 490)
    assert turns_of(programs, 0)[1].waits_for == {0: (2.4, "user")}
    assert turns_of(programs, 1)[1].waits_for == {0: (12.0, "user")}
    both = {"timestamp": 0, "messages": [user(5)], "input_length": 700, "output_length": 5}
    assert read_trace(jsonl([both])).report.format == "mooncake"


@pytest.mark.parametrize("role", ["assistant", "user"])
def test_a_whole_history_goes_on_behind_an_answer(jsonl: Write, role: str) -> None:
    first = {"session_id": "s", "timestamp": 0, "messages": [user(160)], "output_length": 32}
    said = [user(160), {"role": role, "content": "x" * 40}, user(16, "v")]
    programs, _ = read_trace(jsonl([first, {**first, "delay": 500, "messages": said}]))
    validate(programs)
    second = turns_of(programs)[1]
    went_on = role == "assistant"
    assert second.prompt_tokens == 160 + (32 if went_on else 10) + 16
    assert second.new_tokens == second.prompt_tokens - (192 if went_on else 160)


def test_sessions_share_the_messages_they_begin_with(jsonl: Write) -> None:
    rows = [
        {"timestamp": at, "messages": [user(64), user(64, mark)], "output_length": 4} for at, mark in enumerate("vw")
    ]
    programs, report = read_trace(jsonl(rows))
    assert report.sessions == 2
    assert report.prefix_reuse == 64 / 256
    assert programs.program["arrival_s"].tolist() == [0.0, 0.001]


def test_forks_go_on_and_spawns_start_afresh(jsonl: Write) -> None:
    rows = [
        session("root", turn(64, forks=["a", {"child": "b", "background": True}], spawns=["c"]), turn(16, "v")),
        session("a", turn(16, "x", delay=250)),
        session("b", turn(16, "y")),
        session("c", turn(16, "z")),
    ]
    programs, report = read_trace(jsonl(rows))
    validate(programs)
    turns = turns_of(programs)
    assert report.subagent_requests == 1
    assert sorted(one.prompt_tokens for one in turns) == [16, 64, 96, 96, 96]  # 64 + 16 generated + 16 but for "c"
    assert all(one.new_tokens == 16 for one in turns[1:])
    waits = [one.waits_for for one in turns]
    assert {0: (0.25, "agent")} in waits
    last = next(at for at, one in enumerate(turns) if one.prompt_tokens == 16)
    assert {last: (0.0, "agent")} in waits


def test_a_turn_further_on_may_wait(jsonl: Write) -> None:
    launch = [{"children": ["w"], "join_at": 2}]
    rows = [session("m", turn(9, output=1, spawns=launch), turn(9, output=2), turn(9, output=3)), session("w", turn(5))]
    turns = turns_of(read_trace(jsonl(rows)).programs)
    outputs = [one.output_tokens for one in turns]
    waits = {one.output_tokens: {outputs[at]: tool for at, (_, tool) in one.waits_for.items()} for one in turns}
    assert waits == {1: {}, 16: {1: "agent"}, 2: {1: "user"}, 3: {2: "user", 16: "agent"}}


def test_what_starts_with_a_session_is_waited_for_by_none(jsonl: Write) -> None:
    rows = [session("m", turn(9, output=1), pre_session_spawns=["w"]), session("w", turn(5, output=2))]
    programs, report = read_trace(jsonl(rows))
    validate(programs)
    assert (report.sessions, report.subagent_requests) == (1, 1)
    assert [one.waits_for for one in turns_of(programs)] == [{}, {}]


def test_turns_with_whole_prompts(jsonl: Write) -> None:
    turns = [{"messages": [user(32), *said], "max_tokens": 8} for said in ([], [assistant(), user(16)])]
    mode = "message_array_with_responses"
    programs, _ = read_trace(jsonl([session("s", *turns, context_mode=mode)]))
    assert [one.prompt_tokens for one in turns_of(programs)] == [32, 32 + 8 + 16]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([session("m", turn(5, spawns=["x"]))], ":1: turns: starts 'x', which is no session here"),
        (
            [session("m", turn(5, spawns=["w"]), turn(5, forks=["w"])), session("w", turn(5))],
            ":1: turns: starts 'w', which was started before",
        ),
        (
            [session("a", turn(5, spawns=["b"])), session("b", turn(5, spawns=["a"]))],
            "is started by one that it starts itself; allowed: a tree of sessions",
        ),
        ([session("m", turn(5)), session("m", turn(5))], ":2: session_id: 'm' was used before"),
        ([session("m")], ":1: turns: is empty"),
        (
            [session("m", turn(5, spawns=[{"children": ["w"], "join_at": 0}]))],
            r":1: turns\[0\].spawns.join_at: is 0; allo",
        ),
        ([session("m", {"text": "a", "delay": -1})], r":1: turns\[0\].delay: is -1; allowed"),
        ([session("m", {"role": "user", "texts": [5]})], r":1: turns\[0\].texts\[0\]: is 5; allowed: a text"),
        ([{"messages": [], "output_length": 5}], ":1: messages: is empty"),
        ([{"messages": [{"content": "a"}], "output_length": 5}], r":1: messages\[0\]: is \{'content': 'a'\}; allowed"),
        ([{"session_id": "o", "orchestrator": True, "turns": [{"text": "a"}]}], ":1: orchestrator: is not read"),
    ],
)
def test_a_broken_line_names_line_and_field(jsonl: Write, rows: list[Any], said: str) -> None:
    with pytest.raises(TraceError, match=said):
        read_trace(jsonl(rows, "trace.jsonl"), "aiperf")
