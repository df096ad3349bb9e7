"""Which requests follow up others, and what their prompts mean."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentsim_env.workload.traces import ServiceEstimate, TraceError, prefix_reuse, read_trace
from agentsim_env.workload.validation import validate

Write = Callable[..., Path]
INSTANT = ServiceEstimate(0.0, 0.0, 0.0)


def row(t_s: float | None, prompt: int, output: int = 10, **more: Any) -> dict[str, Any]:
    time = {} if t_s is None else {"timestamp": round(1e3 * t_s)}
    return {**time, "input_length": prompt, "output_length": output, **more}


def test_named_keeps_apart_what_the_trace_does_not_join(jsonl: Write) -> None:
    path = jsonl([row(10 * at, 1100 + at, hash_ids=[1, 2, 100 + at]) for at in range(20)])
    rebuilt = read_trace(path).report
    assert (rebuilt.sessions, rebuilt.chained_requests, rebuilt.rebuilt_sessions) == (1, 19, 1)
    assert "follow-ups found by their ids, chained into 1 programs (sessions: named keeps them apart): 19" in (
        rebuilt.describe()
    )
    programs, report = read_trace(path, sessions="named")
    assert (report.sessions, report.chained_requests) == (20, 0)
    assert prefix_reuse(programs) == pytest.approx(19 * 1024 / sum(range(1100, 1120)), abs=1e-3)


def test_a_long_session_is_one(jsonl: Write) -> None:
    path = jsonl([row(20 * at, 512 * (at + 2), hash_ids=list(range(at + 2))) for at in range(200)])
    report = read_trace(path).report
    assert (report.sessions, report.chained_requests) == (1, 199)


def test_requests_with_one_system_prompt_are_no_session(jsonl: Write) -> None:
    tails = jsonl([row(20 * at, 1100 + at, hash_ids=[1, 2]) for at in range(200)], "tails.jsonl")
    forks = jsonl([row(20 * at, 1024 if at == 0 else 1600, hash_ids=[1, 2, at][: 2 + (at > 0)]) for at in range(200)])
    assert [read_trace(path).report.sessions for path in (tails, forks)] == [200, 200]


def test_rebuilt_ignores_names(jsonl: Write) -> None:
    rows = [row(0, 1100, hash_ids=[1, 2, 3], session_id="a"), row(60, 1700, hash_ids=[1, 2, 4, 5], session_id="b")]
    assert read_trace(jsonl(rows)).report.sessions == 2
    report = read_trace(jsonl(rows), sessions="rebuilt").report
    assert (report.sessions, report.chained_requests) == (1, 1)
    rows[1] = row(None, 1700, hash_ids=[1, 2, 4, 5], session_id="a", delay=5)
    with pytest.raises(TraceError, match=":2: timestamp: is missing"):
        read_trace(jsonl(rows), sessions="rebuilt")


def test_sessions_that_are_not_known(jsonl: Write) -> None:
    with pytest.raises(ValueError, match="sessions is 'both'; allowed: named, rebuilt"):
        read_trace(jsonl([row(0, 100)]), sessions="both")
    other = jsonl(["t_s,in,out", "0,10,5"], "trace.csv")
    assert read_trace(other, sessions="named").report.sessions == 1
    options: list[dict[str, Any]] = [{"sessions": "rebuilt"}, {"message_mode": "delta"}]
    for option in options:
        with pytest.raises(TraceError, match="and azure has no use for it; allowed: for mooncake"):
            read_trace(other, **option)


def test_time_decides_within_a_session(jsonl: Write) -> None:
    rows = [
        row(60, 1536, session_id="s"),
        row(None, 1700, session_id="s", delay=2000),
        row(0, 1024, session_id="s"),
        row(30, 700, session_id="t"),
        row(10, 600, session_id="t"),
    ]
    programs, report = read_trace(jsonl(rows), service=INSTANT)
    validate(programs)
    assert programs.turn["prompt_tokens"].tolist() == [1024, 1536, 1700, 600, 700]
    assert programs.program["arrival_s"].tolist() == [0.0, 10.0]
    assert programs.edge["gap_s"].tolist() == [60.0, 2.0, 20.0]
    assert (report.sorted_records, report.span_s) == (3, 60.0)


def test_requests_at_equal_times_keep_the_order_of_the_file(jsonl: Write) -> None:
    rows = [row(5, 600 + at, session_id="s") for at in range(5)]
    programs, report = read_trace(jsonl(rows))
    assert programs.turn["prompt_tokens"].tolist() == [600, 601, 602, 603, 604]
    assert report.sorted_records == 0


def test_deltas_are_put_together(jsonl: Write) -> None:
    rows = [
        row(0, 1100, 100, session_id="s", hash_ids=[1, 2, 3]),
        row(None, 50, 20, session_id="s", delay=500),
        row(None, 30, 5, session_id="s", delay=500),
        row(1, 1060, 7, session_id="t", hash_ids=[1, 2, 9]),
    ]
    programs, report = read_trace(jsonl(rows), message_mode="delta")
    validate(programs)
    assert programs.turn["prompt_tokens"].tolist() == [1100, 1250, 1300, 1060]
    assert programs.turn["new_tokens"].tolist() == [1100, 50, 30, 1060]
    assert (report.delta_prompts, report.prompt_tokens) == (2, 1100 + 1250 + 1300 + 1060)
    assert "prompts put together from deltas: 2" in report.describe()
    hits = 1199 // 16 + 1269 // 16 + 1024 // 16  # the last generated token has no KV yet
    assert prefix_reuse(programs) == pytest.approx(16 * hits / report.prompt_tokens, abs=1e-9)


def test_a_request_can_say_that_it_is_a_delta(jsonl: Write) -> None:
    rows = [row(0, 600, 10, session_id="s"), row(5, 40, 10, session_id="s", message_mode="delta")]
    assert read_trace(jsonl(rows)).programs.turn["prompt_tokens"].tolist() == [600, 650]
    rows[1]["message_mode"] = "history"
    assert read_trace(jsonl(rows), message_mode="delta").programs.turn["prompt_tokens"].tolist() == [600, 40]
    rows[1]["message_mode"] = "both"
    with pytest.raises(TraceError, match=":2: message_mode: is 'both'; allowed: history, delta"):
        read_trace(jsonl(rows))


def test_deltas_that_cannot_be(jsonl: Write) -> None:
    rows = [row(0, 600, session_id="s"), row(5, 600, session_id="s", hash_ids=[7, 8])]
    with pytest.raises(TraceError, match=r":2: hash_ids: of a prompt that is a delta have no place"):
        read_trace(jsonl(rows), message_mode="delta")
    rows = [row(at, 2**29, 2**29, session_id="s") for at in range(3)]
    with pytest.raises(TraceError, match=r"session_id: 's' grows beyond 1073741824 tokens; are they deltas"):
        read_trace(jsonl(rows), message_mode="delta")
    with pytest.raises(ValueError, match="message_mode is 'all'; allowed: history, delta"):
        read_trace(jsonl(rows), message_mode="all")


@pytest.mark.parametrize("sessions", [None, "rebuilt"])
def test_deltas_of_nothing_are_a_doubt(jsonl: Write, sessions: str | None) -> None:
    path = jsonl([row(0, 1100), row(30, 50)])
    (doubt,) = read_trace(path, message_mode="delta", sessions=sessions).report.doubts
    assert "message_mode delta puts nothing together" in doubt


def test_a_field_and_its_alias_agree(jsonl: Write) -> None:
    assert read_trace(jsonl([row(0, 1100, input_tokens=1100)])).report.prompt_tokens == 1100
    with pytest.raises(TraceError, match="input_tokens: is 900, and input_length is 1100; they mean the same"):
        read_trace(jsonl([row(0, 1100, input_tokens=900)]))


def test_prompts_that_shrink_are_a_doubt(jsonl: Write) -> None:
    shrinking = [row(at, prompt, session_id="s") for at, prompt in enumerate((4000, 600, 500, 700))]
    (doubt,) = read_trace(jsonl(shrinking)).report.doubts[-1:]
    assert doubt.startswith("2 of 3 follow-ups have shorter prompts than the request before; if a prompt is only what")
    growing = [row(at, prompt, session_id="s") for at, prompt in enumerate((4000, 4600, 500, 700))]
    assert read_trace(jsonl(growing)).report.doubts == ()
