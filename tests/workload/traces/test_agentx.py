"""Weka / AgentX conversations: sub-agents that are waited for or not, and those with requests side by side."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentsim_env.workload.traces import read_trace
from agentsim_env.workload.validation import validate
from tests.workload.traces.corpus import sample
from tests.workload.traces.graphs import Turn, turns_of

Write = Callable[..., Path]


def with_subagent(**changes: Any) -> dict[str, Any]:
    """The conversation of the sample, its sub-agent changed."""
    (conversation,) = sample("agentx_weka_sample.jsonl")
    conversation["requests"][1].update(changes)
    return conversation


def test_a_conversation_waits_for_its_sub_agent(samples: Path) -> None:
    programs, report = read_trace(samples / "agentx_weka_sample.jsonl")
    validate(programs)
    assert (report.format, report.sessions, report.requests, report.subagent_requests) == ("claude_code", 1, 4, 2)
    assert (report.prompt_tokens, report.output_tokens) == (1152 + 576 + 704 + 1344, 80 + 60 + 90 + 200)
    assert (report.subagent_prompt_tokens, report.subagent_output_tokens) == (576 + 704, 60 + 90)
    assert turns_of(programs) == [
        Turn(1152, 80, 1152, {}),
        Turn(576, 60, 576, {0: (1.1, "agent")}),
        Turn(704, 90, 704 - (576 + 60), {1: (1.5, "tool")}),
        Turn(1344, 200, 1344 - (1152 + 80), {2: (0.5, "agent")}),  # the sub-agent ends at 4 s + 9 s
    ]


def test_without_a_duration_it_ends_with_its_last_request(jsonl: Write) -> None:
    programs, _ = read_trace(jsonl([with_subagent(duration_ms=None)]))
    assert turns_of(programs)[3].waits_for == {2: (3.6, "agent")}


def test_one_that_is_launched_only_is_not_waited_for(jsonl: Write) -> None:
    programs, _ = read_trace(jsonl([with_subagent(status="async_launched")]))
    validate(programs)
    assert [turn.waits_for for turn in turns_of(programs)] == [
        {},
        {0: (1.1, "agent")},
        {1: (1.5, "tool")},
        {0: (10.4, "tool")},
    ]


@pytest.mark.parametrize("clock_s", [4.0, 0.0])
def test_times_inside_count_from_the_conversation_or_from_the_sub_agent(jsonl: Write, clock_s: float) -> None:
    inner = [{**row, "t": row["t"] - 4.0 + clock_s} for row in with_subagent()["requests"][1]["requests"]]
    programs, _ = read_trace(jsonl([with_subagent(requests=inner)]))
    waits = [turn.waits_for for turn in turns_of(programs)]
    assert [list(wait) for wait in waits] == [[], [0], [1], [2]]
    assert waits[2:] == [{1: (1.5, "tool")}, {2: (0.5, "agent")}]


def test_requests_that_overlap_are_conversations_side_by_side(jsonl: Write) -> None:
    row = {"type": "n", "out": 60, "stop": "tool_use", "api_time": 3.0, "think_time": 1.0}
    inner = [
        {**row, "t": 4.2, "in": 576, "hash_ids": list(range(40, 49))},
        {**row, "t": 4.4, "in": 576, "hash_ids": [*range(40, 44), *range(70, 75)]},
        {**row, "t": 8.0, "in": 704, "hash_ids": [*range(40, 44), *range(70, 77)]},
    ]
    programs, report = read_trace(jsonl([with_subagent(requests=inner)]))
    validate(programs)
    assert report.subagent_requests == 3
    ways = [(turn.prompt_tokens, list(turn.waits_for)) for turn in turns_of(programs)]
    assert ways == [(1152, []), (576, [0]), (576, [0]), (704, [2]), (1344, [1, 3])]


def test_a_marker_before_the_requests_inside_is_the_start(jsonl: Write) -> None:
    conversation = with_subagent()
    conversation["requests"][0]["t"] = -20.0  # so long before that the marker could be the end of 9 s
    programs, _ = read_trace(jsonl([conversation]))
    assert turns_of(programs)[3].waits_for == {2: (0.5, "agent")}


def test_a_sub_agent_that_begins_with_another(jsonl: Write) -> None:
    inner = with_subagent()["requests"][1]
    programs, report = read_trace(jsonl([with_subagent(requests=[inner, *inner["requests"]])]))
    validate(programs)
    assert report.subagent_requests == 6
