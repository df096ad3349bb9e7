import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim_env.metrics import Records
from agentsim_env.metrics.timeline import save_timeline, trace_events
from tests.metrics.episodes import chains, engine, run


@pytest.fixture(scope="module")
def records() -> Records:
    return run(chains(n=12, every_s=0.05), [engine(), engine()])


def slices(records: Records) -> list[dict[str, Any]]:
    return [event for event in trace_events(records) if event["ph"] == "X"]


def test_slices_are_the_phases_of_the_turns(records: Records) -> None:
    lengths: dict[str, float] = defaultdict(float)
    for event in slices(records):
        lengths[event["cat"]] += event["dur"] / 1e6
    turns = records.turns
    assert lengths["queue"] == pytest.approx((turns["scheduled_s"] - turns["ready_s"]).sum(), abs=1e-6)
    assert lengths["prefill"] == pytest.approx((turns["first_token_s"] - turns["scheduled_s"]).sum(), abs=1e-6)
    assert lengths["decode"] == pytest.approx((turns["end_s"] - turns["first_token_s"]).sum(), abs=1e-6)


def test_slices_of_a_lane_do_not_overlap(records: Records) -> None:
    lanes: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    for event in slices(records):
        lanes[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    assert len({pid for pid, _ in lanes}) == 2
    for spans in lanes.values():
        ordered = np.array(sorted(spans))
        assert np.all(ordered[1:, 0] >= ordered[:-1, 1] - 0.002)


def test_no_more_lanes_than_turns_at_once(records: Records) -> None:
    turns = records.turns
    for i in range(2):
        mine = turns[turns["instance"] == i]
        at_once = max(int(((mine["ready_s"] <= t) & (mine["end_s"] > t)).sum()) for t in mine["ready_s"])
        assert len({event["tid"] for event in slices(records) if event["pid"] == i}) == at_once


def test_flows_lead_through_each_program(records: Records) -> None:
    flows: dict[int, list[str]] = defaultdict(list)
    for event in trace_events(records):
        if event["ph"] in "stf":
            flows[event["id"]].append(event["ph"])
    assert list(flows.values()) == [["s", "t", "t", "f"]] * 12


def test_an_unfinished_turn_lasts_until_now() -> None:
    records = run(chains(n=12, every_s=0.05), [engine()], time_limit_s=0.6)
    ends = [event["ts"] + event["dur"] for event in slices(records)]
    assert max(ends) == pytest.approx(0.6e6)


@pytest.mark.parametrize("name", ["timeline.json", "timeline.json.gz"])
def test_file_is_json(records: Records, tmp_path: Path, name: str) -> None:
    path = tmp_path / "out" / name
    save_timeline(records, path)
    raw = path.read_bytes()
    content = json.loads(gzip.decompress(raw) if name.endswith(".gz") else raw)
    assert len(content["traceEvents"]) == len(list(trace_events(records)))
    assert [entry.name for entry in path.parent.iterdir()] == [name]
