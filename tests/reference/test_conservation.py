"""The reference simulator keeps its books on random scenarios, which reach every corner of the semantics."""

from collections import Counter

import numpy as np
from hypothesis import HealthCheck, given, settings

from tests.agreement.compare import reference_records
from tests.engine.random_scenarios import KNOBS, Knobs, build, knobs_of
from tests.reference.records import Records


@given(knobs=KNOBS)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_conservation_after_every_event(knobs: Knobs) -> None:
    scenario = build(knobs)
    records = reference_records(scenario, debug=True)
    turn = scenario.programs.turn
    finite = records.turns["end_s"] == records.turns["end_s"]
    assert set(records.programs["state"]) <= {"done", "failed", "rejected"}
    assert (records.programs["gap_s"] > -1e-9).all()
    check_hits(records, turn)
    asked = records.turns["hit_tokens"] + records.turns["readmission_hit_tokens"] + records.turns["computed_tokens"]
    assert (asked >= turn["prompt_tokens"])[finite].all()
    # A turn that was handed over computes what is left of a block once more, and all if its prefill instance fails.
    decoding = [number for number, spec in enumerate(scenario.specs) if spec.mode == "decode"]
    undisturbed = (records.turns["preemptions"] == 0) & ~np.isin(records.turns["instance"], decoding)
    if not any(spec.failures for spec in scenario.specs if spec.mode == "prefill"):
        assert (asked == turn["prompt_tokens"])[finite & undisturbed].all()


def check_hits(records: Records, turn: np.ndarray) -> None:
    """Nobody finds more than is looked up, and instances count what turns do."""
    turns, instances = records.turns, records.instances
    admitted = ~np.isnan(turns["scheduled_s"])
    assert (turns["hit_tokens"] < np.where(admitted, turn["prompt_tokens"], 1)).all()
    assert (turns["readmission_hit_tokens"] <= turns["readmission_lookup_tokens"]).all()
    for name in ("hit_tokens", "readmission_hit_tokens", "readmission_lookup_tokens"):
        assert instances[name].sum() == turns[name].sum(), name
    assert instances["lookup_tokens"].sum() == turn["prompt_tokens"][admitted].sum()


def test_random_scenarios_press_on_everything() -> None:
    seen: Counter[str] = Counter()
    for seed in range(40):
        records = reference_records(build(knobs_of(seed)))
        seen["turns"] += len(records.turns)
        seen["preemptions"] += int(records.turns["preemptions"].sum())
        seen["evicted blocks"] += int(records.instances["evicted_blocks"].sum())
        seen["hit tokens"] += int(records.turns["hit_tokens"].sum())
        seen["failed programs"] += int((records.programs["state"] == "failed").sum())
    least = {"turns": 1500, "preemptions": 50, "evicted blocks": 1000, "hit tokens": 100_000, "failed programs": 5}
    assert all(seen[name] >= n for name, n in least.items()), seen
