"""TraceLab: a table of sessions, and rounds with the times of their events."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from agentsim_env.workload.traces import TraceError, read_trace
from agentsim_env.workload.validation import validate
from tests.workload.traces.corpus import TRACELAB_ROUNDS
from tests.workload.traces.graphs import Turn, turns_of

Write = Callable[..., Path]


def rounds(**changes: Any) -> list[dict[str, Any]]:
    """Two rounds of a session, the second one changed."""
    first, second = deepcopy(TRACELAB_ROUNDS)
    return [first, {**second, **changes}]


def test_a_table_of_sessions(samples: Path) -> None:
    programs, report = read_trace(samples / "tracelab_sessions.csv")
    validate(programs)
    assert (report.format, report.sessions, report.requests, report.span_s) == ("tracelab", 2, 5, 1.25)
    assert (report.prompt_tokens, report.output_tokens) == (2400 + 3000 + 3995 + 2500 + 3300, 180 + 95 + 60 + 210 + 70)
    assert programs.program["arrival_s"].tolist() == [0.0, 1.25]
    assert turns_of(programs, 0) == [
        Turn(2400, 180, 2400, {}),
        Turn(3000, 95, 420, {0: (0.35, "tool")}),
        Turn(3995, 60, 900, {1: (4.1, "tool")}),
    ]
    kept = 1800 // 16 * 16  # a compaction: 1,800 tokens of 2,710 are kept, in whole KV blocks
    assert turns_of(programs, 1) == [Turn(2500, 210, 2500, {}), Turn(3300, 70, 3300 - kept, {0: (0.08, "tool")})]


def test_the_canonical_table_and_one_without_arrivals(samples: Path, tmp_path: Path) -> None:
    rows = [line.split(",") for line in (samples / "tracelab_sessions.csv").read_text().split()]
    order = [rows[0].index(name) for name in ("session_id", "input_len", "output_len", "arrival_time", "round_idx")]
    order += [rows[0].index(name) for name in ("tool_wait_after_ms", "prefix_len")]
    moved = [[row[at] for at in order] for row in rows]
    moved[0][0] = "id"
    (tmp_path / "canonical.csv").write_text("\n".join(map(",".join, moved)))
    given = read_trace(samples / "tracelab_sessions.csv").programs
    canonical = read_trace(tmp_path / "canonical.csv").programs
    assert [turns_of(canonical, at) for at in (0, 1)] == [turns_of(given, at) for at in (0, 1)]
    (tmp_path / "timeless.csv").write_text("\n".join(",".join(row[:3] + row[4:]) for row in moved))
    programs, report = read_trace(tmp_path / "timeless.csv")
    assert (programs.program["arrival_s"].tolist(), report.span_s) == ([0.0, 0.0], None)


def test_rounds(jsonl: Write) -> None:
    programs, report = read_trace(jsonl(list(reversed(rounds()))))
    validate(programs)
    assert (report.format, report.span_s) == ("tracelab", pytest.approx(20.0))
    assert programs.families == ("claude",)
    assert turns_of(programs) == [Turn(500, 30, 500, {}), Turn(700, 30, 170, {0: (10.731, "Bash")})]


@pytest.mark.parametrize(
    ("prompt", "prefix", "new"),
    [
        (530, 100, 1),  # all of the context and nothing new, which counts as 1
        (520, 100, 520 - 496),  # the prompt, in whole blocks, but not the output
        (480, 200, 480 - 192),  # what the provider had
        (480, 0, 480),
    ],
)
def test_what_a_round_keeps(jsonl: Write, prompt: int, prefix: int, new: int) -> None:
    programs, _ = read_trace(jsonl(rounds(input_tokens_total=prompt, prefix_tokens=prefix)))
    assert turns_of(programs)[1].new_tokens == new


def test_a_round_waits_for_the_slowest_of_its_tools_or_for_a_user(jsonl: Write) -> None:
    slow = [
        {"tool_name": "WebSearch", "result_at": "2026-06-01T05:40:40.151Z"},
        {"tool_name": "Bash", "result_at": "2026-06-01T05:40:30.000Z"},
    ]
    first, second = rounds()
    first["tools"] = slow
    arrived = [{"event_type": "tool_result", "timestamp": tool["result_at"]} for tool in slow]
    second["timing_events"] = [*arrived, {"event_type": "text", "timestamp": "2026-06-01T05:40:50Z"}]
    programs, _ = read_trace(jsonl([first, second]))
    assert turns_of(programs)[1].waits_for == {0: (30.731, "WebSearch")}
    programs, _ = read_trace(jsonl([first, {**second, "first_input_event_type": "user_message"}]))
    assert turns_of(programs)[1].waits_for == {0: (30.731, "user")}


def test_public_rounds(shared_data: Path) -> None:
    programs, report = read_trace(shared_data / "traces" / "tracelab_example_rounds.jsonl.gz")
    validate(programs)
    assert (report.sessions, report.requests, report.prompt_tokens, report.output_tokens) == (2, 19, 514_012, 11_335)
    waits = [next(iter(turn.waits_for.values())) for turn in turns_of(programs, 1)[1:]]
    assert waits[:3] == [(19.291, "WebSearch"), (12.688, "WebSearch"), (21.467, "Write")]
    assert waits[4] == (19.913, "user")


def test_public_table(shared_data: Path) -> None:
    programs, report = read_trace(shared_data / "traces" / "tracelab_session_csv_example.csv")
    validate(programs)
    assert (report.sessions, report.requests) == (48, 303)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"round_index": 0}, ":2: round_index: 0 was used before in session 's'"),
        ({"input_tokens_total": 0}, ":2: input_tokens_total: is 0; allowed: an integer from 1"),
        (
            {"timing_events": [{"event_type": "text", "timestamp": "noon"}]},
            r":2: timing_events\[0\].timestamp: is 'noon'",
        ),
        ({"session_id": None}, ":2: session_id: is missing"),
    ],
)
def test_a_broken_round_names_line_and_field(jsonl: Write, change: dict[str, Any], said: str) -> None:
    with pytest.raises(TraceError, match=said):
        read_trace(jsonl(rounds(**change)))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("0,0,0,0,0,5,5", ":2: input_len: is '0'; allowed: an integer from 1"),
        ("0,0,0,0,9,5,-5", ":2: tool_wait_after_ms: is '-5'; allowed: at least 0"),
        ("0,x,0,0,9,5,5", ":2: arrival_time: is 'x'; allowed: a finite time"),
        ("0,0,0,1073741824,9,5,5", ":2: input_len: makes a prompt of 1073741833 tokens"),
    ],
)
def test_a_broken_row_names_line_and_column(tmp_path: Path, samples: Path, row: str, said: str) -> None:
    header = (samples / "tracelab_sessions.csv").read_text().split("\n")[0]
    (tmp_path / "sessions.csv").write_text(f"{header}\n{row}\n")
    with pytest.raises(TraceError, match=said):
        read_trace(tmp_path / "sessions.csv")


def test_what_a_similar_file_lacks(jsonl: Write) -> None:
    (row, _) = rounds()
    del row["input_tokens_total"]
    with pytest.raises(TraceError, match="it is nearest to tracelab, which also needs input_tokens_total"):
        read_trace(jsonl([row]))
