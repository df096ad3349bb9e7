"""Cells and columns of CSV: numbers as every tool writes them, and no column twice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agentsim_env.workload.traces import TraceError, read_trace

Write = Callable[..., Path]


def test_digits_with_underscores_are_no_number(jsonl: Write) -> None:
    for row, field in (("0.0,1_374,5", "in"), ("1_0.5,374,5", "t_s")):
        with pytest.raises(TraceError, match=rf":2: {field}: is '.*_.*'; allowed"):
            read_trace(jsonl(["t_s,in,out", row], "azure.csv"))


def test_a_column_that_is_there_twice_is_refused(jsonl: Write) -> None:
    path = jsonl(["t_s,in,out,in", "0.0,374,5,9"], "azure.csv")
    with pytest.raises(TraceError, match=r":1: in: is the name of 2 columns; allowed: one"):
        read_trace(path)


def test_a_column_that_is_not_needed_may_be_there_twice(jsonl: Write) -> None:
    assert read_trace(jsonl(["x,x,t_s,in,out", "1,2,0.0,374,5"], "azure.csv")).report.prompt_tokens == 374


def test_a_time_beyond_all_bounds_asks_for_its_unit(jsonl: Write) -> None:
    path = jsonl(["t_s,in,out", "1700000000000,374,5"], "azure.csv")
    with pytest.raises(TraceError, match=r"t_s: is '1700000000000'; .* \(time_unit\?\)"):
        read_trace(path)
    assert read_trace(path, time_unit="ms").report.requests == 1
