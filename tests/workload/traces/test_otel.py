"""OpenTelemetry spans: the two sessions of the samples, in each encoding, and what is wrong with others."""

import json
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentsim_env.workload.traces import TraceError, read_trace
from agentsim_env.workload.traces.reuse import prefix_reuse
from agentsim_env.workload.validation import validate
from tests.workload.traces.corpus import sample
from tests.workload.traces.graphs import Turn, turns_of

Write = Callable[..., Path]
WITH_TEXTS = ("otel_two_sessions.jsonl", "otel_two_sessions_otlp.json")


def chat(at_s: float, seconds: float, prompt: list[Any], answer: str, **fields: Any) -> dict[str, Any]:
    """A call from `at_s` for `seconds`, of 100 tokens a message."""
    return span(
        at_s,
        seconds,
        "chat m",
        {
            "gen_ai.input.messages": json.dumps(prompt),
            "gen_ai.output.text": answer,
            "gen_ai.usage.input_tokens": 100 * len(prompt),
            "gen_ai.usage.output_tokens": 10,
        },
        **fields,
    )


def span(at_s: float, seconds: float, name: str, attributes: Any = None, **fields: Any) -> dict[str, Any]:
    """A span whose id is its name and start, unless told otherwise."""
    times = [f"2026-03-02T09:00:{value:09.6f}" for value in (at_s, at_s + seconds)]
    own = {"span_id": f"{name}{at_s}", "name": name, "start_time": times[0], "end_time": times[1]}
    return own | {"attributes": attributes or {}} | fields


def session(*spans: dict[str, Any], trace_id: str = "t") -> dict[str, Any]:
    return {"trace_id": trace_id, "spans": list(spans)}


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


@pytest.mark.parametrize("name", WITH_TEXTS)
def test_two_sessions(samples: Path, name: str) -> None:
    programs, report = read_trace(samples / name)
    validate(programs)
    assert (report.format, report.sessions, report.requests) == ("otel", 2, 7)
    assert (report.prompt_tokens, report.output_tokens) == (8710, 985)
    assert report.doubts == ()
    assert programs.program["arrival_s"].tolist() == pytest.approx([0.0, 29.9])
    assert report.span_s == pytest.approx(42.9)
    assert turns_of(programs, 0) == [
        Turn(900, 60, 900, {}),
        Turn(1480, 45, 1480 - (900 + 60), {0: (2.6, "read_log")}),
        Turn(1560, 80, 1560 - (1480 + 45), {1: (8.1, "restart_belt")}),
    ]
    first, one, other, last = turns_of(programs, 1)
    assert first == Turn(880, 30, 880, {})
    assert one[:2] + one[3:] == (1200, 150, {0: (0.5, "user")})
    assert other[:2] + other[3:] == (1210, 420, {0: (0.6, "user")})
    assert last == Turn(1480, 200, 1480 - (880 + 30), {1: (1.4, "user"), 2: (1.4, "user")})
    assert one.new_tokens == 1200 - 512  # 519 tokens of tool definitions, in whole KV blocks
    assert other.new_tokens == 1210 - 1024  # tool definitions and the workers' system message


def test_one_session_over_many_lines(samples: Path) -> None:
    programs, report = read_trace(samples / "otel_session_a.json")
    both = read_trace(samples / "otel_two_sessions.jsonl").programs
    assert (report.requests, report.prompt_tokens, report.output_tokens) == (3, 3940, 185)
    assert turns_of(programs) == turns_of(both, 0)


def test_system_prompts_are_shared_across_sessions(samples: Path) -> None:
    alone = read_trace(samples / "otel_session_a.json").programs
    both = read_trace(samples / "otel_two_sessions.jsonl").programs
    held = prefix_reuse(both) * 8710 - prefix_reuse(alone) * 3940
    own = {(880 + 30) // 16 * 16, 512, 1024}
    assert held > sum(own)  # the first call of B finds what A brought


def test_without_content_lengths_tell(samples: Path) -> None:
    programs, report = read_trace(samples / "otel_two_sessions_no_content.jsonl")
    validate(programs)
    assert (report.sessions, report.requests, report.prompt_tokens, report.output_tokens) == (2, 7, 8710, 985)
    assert [turn.new_tokens for turn in turns_of(programs, 0)] == [900, 520, 35]
    first, one, other, last = turns_of(programs, 1)
    assert (first.waits_for, one.waits_for, other.waits_for) == ({}, {0: (0.5, "client")}, {0: (0.6, "client")})
    assert last.waits_for == {1: (1.4, "client"), 2: (1.4, "client")}
    assert one.new_tokens == 1200 - (880 + 30)
    assert other.new_tokens == 1210 - 896  # the first call's 910 tokens, in whole blocks: its tail is the other's
    assert last.new_tokens == 1480 - 1200  # the prompt of 1,210, but not its answer of 420


def test_a_folder_of_sessions_is_one_trace(samples: Path, tmp_path: Path) -> None:
    for at, content in enumerate(sample("otel_two_sessions.jsonl")):
        (tmp_path / f"{at}.json").write_text(json.dumps(content, indent=1))
    both, report = read_trace(tmp_path)
    assert (report.files, report.sessions) == (2, 2)
    assert turns_of(both, 1) == turns_of(read_trace(samples / "otel_two_sessions.jsonl").programs, 1)


def test_otlp_with_an_export_a_line(tmp_path: Path, samples: Path) -> None:
    (export,) = sample("otel_two_sessions_otlp.json")
    (resource,) = export["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    lines = [{"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]} for one in reversed(scope["spans"])]
    path = tmp_path / "collector.json"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    programs, report = read_trace(path)
    assert (report.sessions, report.requests, report.lines) == (2, 7, len(lines))
    whole = read_trace(samples / "otel_two_sessions_otlp.json").programs
    assert [turns_of(programs, at) for at in (0, 1)] == [turns_of(whole, at) for at in (0, 1)]


def test_agents_side_by_side_do_not_wait_for_each_other(jsonl: Write) -> None:
    agents = [span(2, 20, "invoke_agent x", span_id="x"), span(2, 20, "invoke_agent y", span_id="y")]
    rows = session(
        chat(0, 1, [user("q")], "plan"),
        *agents,
        chat(3, 1, [user("x1")], "ax1", parent_span_id="x"),
        chat(3, 1, [user("y1")], "ay1", parent_span_id="y"),
        span(5, 1, "execute_tool look", parent_span_id="x"),
        chat(6, 1, [user("x1"), assistant("ax1"), user("x2")], "ax2", parent_span_id="x"),
        chat(8, 1, [user("y1"), assistant("ay1"), user("y2")], "ay2", parent_span_id="y"),
        chat(30, 1, [user("q"), assistant("plan"), user("both are done")], "end"),
    )
    programs, _ = read_trace(jsonl([rows]))
    validate(programs)
    waits = [turn.waits_for for turn in turns_of(programs)]
    assert [list(wait) for wait in waits] == [[], [0], [0], [1], [2], [3, 4]]
    assert (waits[3], waits[4]) == ({1: (2.0, "look")}, {2: (4.0, "user")})


def test_calls_that_wait_for_none_start_with_the_session(jsonl: Write) -> None:
    rows = session(chat(0, 5, [user("a")], "x"), chat(1, 5, [user("b")], "y"), chat(9, 1, [user("c")], "z"))
    programs, report = read_trace(jsonl([rows]))
    assert [list(turn.waits_for) for turn in turns_of(programs)] == [[], [], [0, 1]]
    assert report.approximated == 1


def test_an_answer_may_come_back_in_parts_or_by_its_tool_calls(jsonl: Write) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "ls", "arguments": '{"path": "/"}'}}
    answer = [{"role": "assistant", "content": "let me see", "tool_calls": [call]}]
    first = chat(0, 1, [user("a")], "")
    first["attributes"]["gen_ai.output.text"] = None
    first["attributes"]["gen_ai.output.messages"] = json.dumps(answer)
    stray = chat(1, 1, [user("other")], "stray")  # the latest that had ended, though nothing of it comes back
    parts = [assistant("let me see"), {"role": "assistant", "tool_calls": [call]}]
    result = {"role": "tool", "tool_call_id": "c", "content": "bin"}
    for said in (answer, parts, [{"role": "assistant", "content": "I looked", "tool_calls": [call]}]):
        rows = session(first, stray, chat(1.5, 1, [user("a"), *said, result], "z"))
        turn = turns_of(read_trace(jsonl([rows])).programs)[-1]
        assert turn.waits_for == {0: (0.5, "ls")}


def test_several_conversations_under_one_trace_id(jsonl: Write) -> None:
    spans = [chat(at, 1, [user("a")], "x") for at in (0, 2, 4)]
    for one, name in zip(spans, ("p", "q", "p"), strict=True):
        one["attributes"]["gen_ai.conversation.id"] = name
    programs, _ = read_trace(jsonl([session(*spans)]))
    assert programs.program["n_turns"].tolist() == [2, 1]


def test_copies_are_left_out_and_missing_counts_estimated(jsonl: Write) -> None:
    bare = chat(3, 1, [user("x" * 400)], "y" * 40)
    for name in ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"):
        del bare["attributes"][name]
    programs, report = read_trace(jsonl([session(chat(0, 1, [user("a")], "x"), chat(0, 1, [user("a")], "x"), bare)]))
    assert [turn[:2] for turn in turns_of(programs)] == [(100, 10), (400 // 4, 40 // 4)]
    assert report.doubts == (
        "1 spans are exact copies of others; left out",
        "1 calls have no counts of tokens; taken as characters / 4",
    )


def test_failed_calls_are_kept_and_what_is_no_call_is_not_looked_at(jsonl: Write) -> None:
    failed = chat(0, 1, [user("x" * 400)], "", status={"code": 2})
    failed["attributes"] |= {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}
    other = {"span_id": "o", "trace_id": "t", "name": "GET /health", "start_time": "never"}
    silent = span(2, 1, "chat m")
    programs, report = read_trace(jsonl([session(failed, other, silent)]))
    assert [turn[:2] for turn in turns_of(programs)] == [(100, 1)]
    assert report.raised_outputs == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"start_time": "yesterday"}, "start_time: is 'yesterday'; allowed: ISO 8601"),
        ({"start_time": None}, r"start_time: is missing \(also looked for startTimeUnixNano\)"),
        (
            {"start_time": None, "startTimeUnixNano": "-5"},
            "startTimeUnixNano: is '-5'; allowed: nanoseconds since 1970",
        ),
        ({"end_time": "2026-03-02T08:00:00"}, "end_time: is '2026-03-02T08:00:00', before the span's start"),
        ({"span_id": None}, "span_id: is missing"),
        ({"attributes": 5}, "attributes: is 5; allowed: an object, or a list of keys and values"),
        (
            {"attributes": {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": -1}},
            "attributes.gen_ai.usage.input_tokens: is -1; allowed: an integer from 0",
        ),
        ({"attributes": {"gen_ai.input.messages": "[{"}}, "attributes.gen_ai.input.messages: is not JSON"),
        ({"attributes": {"gen_ai.input.messages": "[5]"}}, r"attributes.gen_ai.input.messages\[0\]: is 5; allowed: an"),
    ],
)
def test_a_broken_span_names_file_line_and_field(jsonl: Write, change: dict[str, Any], said: str) -> None:
    good, bad = chat(0, 1, [user("a")], "x"), {**chat(2, 1, [user("b")], "y"), **change}
    path = jsonl([session(good), session(good | {"span_id": "2", "end_time": "2026-03-02T09:00:02"}, bad)])
    with pytest.raises(TraceError, match=rf"trace\.jsonl:2: spans\[1\]\.{said}"):
        read_trace(path)
    assert len(read_trace(path, skip_bad_lines=True).report.bad_lines) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"trace_id": "t", "spans": [{"span_id": "a", "name"', r":1: spans: an object is not JSON"),
        (
            '{\n"trace_id": "t", "spans": [{"span_id": "a",\n "name": oops}]}',
            r":3: spans: an object is not JSON \(Expecting",
        ),
        ('{"trace_id": "t", "spans": [ ', r":1: spans: the file ends inside: is it cut off\?"),
        ('{"trace_id": "t", "spans": [5]}', r":1: spans: holds '5' where an object is expected"),
        ('{"trace_id": "t", "spans": []}', r": holds no request that could be read as otel"),
    ],
)
def test_a_broken_file_names_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "trace").write_text(text)
    with pytest.raises(TraceError, match=said):
        read_trace(tmp_path / "trace")


def test_what_looks_like_a_list_of_spans_inside_a_text_is_text(jsonl: Write) -> None:
    tricky = 'say {"spans": [{"a": 1}]}'
    programs, _ = read_trace(jsonl([session(chat(0, 1, [user(tricky)], tricky))]))
    assert len(programs.turn) == 1


def test_a_document_of_one_line_is_read_in_parts(tmp_path: Path) -> None:
    text = "x" * 20_000
    spans = [chat(0, 1, [user(f"{at} {text}")], "y", trace_id=f"t{at}") for at in range(600)]
    path = tmp_path / "long.json"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}))
    size = path.stat().st_size
    assert size > 12e6
    tracemalloc.start()
    report = read_trace(path).report
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.sessions == 600
    assert peak < size / 1.5


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"broken": ', "the file ends inside: is it cut off?"),
        ("nonsense", "holds 'nonsense' where a document is expected"),
        ('{"x": 1}', "is a document without spans"),
    ],
)
def test_what_is_around_the_spans_is_read_too(tmp_path: Path, line: str, problem: str) -> None:
    whole = (Path(__file__).parent / "samples" / "otel_two_sessions.jsonl").read_text()
    file = tmp_path / "trace.jsonl"
    file.write_text(f"{whole.rstrip()}\n{line}\n")
    with pytest.raises(TraceError, match=re.escape(problem)):
        read_trace(file)
    assert len(read_trace(file, skip_bad_lines=True).report.bad_lines) == 1
