"""Units of times, and times that cannot be."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentsim_env.workload.traces import TraceError, read_trace

Write = Callable[..., Path]


def mooncake(*times: float) -> list[dict[str, Any]]:
    return [{"timestamp": time, "input_length": 600, "output_length": 50} for time in times]


def bailian(*times: float) -> list[dict[str, Any]]:
    return [
        {"chat_id": at, "parent_chat_id": -1, "timestamp": time, "input_length": 32, "output_length": 16}
        for at, time in enumerate(times)
    ]


def burstgpt(*times: float) -> list[str]:
    return [
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
        *(f"{time},ChatGPT,10,5,15,API log" for time in times),
    ]


def azure(*times: float) -> list[str]:
    return ["t_s,in,out", *(f"{time},10,5" for time in times)]


@pytest.mark.parametrize("rows", [mooncake, bailian, burstgpt, azure])
@pytest.mark.parametrize(("unit", "per_s"), [("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)])
def test_a_named_unit_is_taken_at_its_word(jsonl: Write, rows: Callable[..., Any], unit: str, per_s: float) -> None:
    path = jsonl(rows(*(per_s * time_s for time_s in (0.0, 12.5, 30.0))))
    programs, report = read_trace(path, time_unit=unit)
    assert programs.program["arrival_s"] == pytest.approx([0.0, 12.5, 30.0])
    assert report.span_s == pytest.approx(30.0)
    assert report.doubts == ()


@pytest.mark.parametrize("times", [(0.0, 12.5, 30.0), (0.25, 0.5), (1.5, 2.5, 99.5, 100.0), (3.5, 0.5, 40.0)])
def test_fractions_close_together_are_no_milliseconds(jsonl: Write, times: tuple[float, ...]) -> None:
    with pytest.raises(TraceError, match=r"time_unit: .* have fractions, .* say time_unit: s \(.*\) or time_unit: ms"):
        read_trace(jsonl(mooncake(*times)))


def test_whole_numbers_close_together_are_a_doubt(jsonl: Write) -> None:
    (doubt,) = read_trace(jsonl(mooncake(0, 12, 30))).report.doubts
    assert doubt == "3 times from 0 to 30 taken as ms; if they are seconds, say time_unit: s"
    assert read_trace(jsonl(mooncake(0, 1200, 3000))).report.doubts == ()
    assert read_trace(jsonl(mooncake(0.5, 1200, 3000.25))).report.doubts == ()
    assert read_trace(jsonl(mooncake(7, 7, 7))).report.doubts == ()


@pytest.mark.parametrize(
    ("rows", "times", "unit"),
    [
        (mooncake, (1787267980.08, 1787267990.5), "s"),
        (mooncake, (1787267980, 1787267990), "s"),
        (mooncake, (1787267980_000_000,), "us"),
        (mooncake, (1787267980_000_000_000, 1787267990_000_000_000), "ns"),
        (bailian, (1787267980_082.5, 1787267990_000), "ms"),
        (burstgpt, (1787267980_082, 1787267990_000), "ms"),
        (azure, (1787267980_082, 1787267990_000), "ms"),
    ],
)
def test_dates_in_another_unit_are_refused(
    jsonl: Write, rows: Callable[..., Any], times: tuple[float, ...], unit: str
) -> None:
    path = jsonl(rows(*times))
    with pytest.raises(TraceError, match=f"is a date in {unit} since 1970; say time_unit: {unit} |at most 1e"):
        read_trace(path)
    report = read_trace(path, time_unit=unit).report
    assert report.span_s == pytest.approx((times[-1] - times[0]) / {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}[unit])


@pytest.mark.parametrize("rows", [bailian, burstgpt, azure])
def test_dates_in_seconds_are_dates(jsonl: Write, rows: Callable[..., Any]) -> None:
    assert read_trace(jsonl(rows(1787267980.5, 1787267990.5))).report.span_s == pytest.approx(10.0)


def test_one_time_far_from_all_others(jsonl: Write) -> None:
    with pytest.raises(
        TraceError, match=r"the arrivals span 1.787e\+09 s; allowed: at most 1e\+09 s \(time_unit, or an"
    ):
        read_trace(jsonl(mooncake(0, 1787267980_082)))


def test_units_are_for_formats_whose_fields_do_not_name_them(jsonl: Write) -> None:
    path = jsonl([{"input_toks": 5, "output_toks": 5, "arrival_time_ns": 0}])
    with pytest.raises(
        TraceError, match="time_unit: is 'ms', and llmservingsim has no use for it; allowed: for mooncake"
    ):
        read_trace(path, time_unit="ms")
    with pytest.raises(ValueError, match="time_unit is 'h'; allowed: s, ms, us, ns"):
        read_trace(path, time_unit="h")


def test_delays_have_the_unit_of_the_times_unless_they_name_their_own(jsonl: Write) -> None:
    rows = [
        {"timestamp": 1.5, "input_length": 600, "output_length": 50, "session_id": "a"},
        {"delay": 2.5, "input_length": 700, "output_length": 50, "session_id": "a"},
        {"delay_ms": 250, "input_length": 800, "output_length": 50, "session_id": "a"},
    ]
    assert read_trace(jsonl(rows), time_unit="s").programs.edge["gap_s"].tolist() == [2.5, 0.25]
    assert read_trace(jsonl([json.dumps(row) for row in rows]), time_unit="ms").programs.edge["gap_s"].tolist() == [
        0.0025,
        0.25,
    ]
