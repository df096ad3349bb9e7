"""Scenarios that are drawn for it have loads that give way in both manners."""

from dataclasses import replace

from tests.agreement.compare import reference_records
from tests.engine.random_scenarios import build, knobs_of

SEEDS = (6, 12, 19)
"""As three of ten have an interrupted load, and one of ten a cancelled one."""


def test_loads_are_interrupted_and_cancelled() -> None:
    records = [reference_records(build(replace(knobs_of(seed), giving_way=True))) for seed in SEEDS]
    for what in ("prefetches_interrupted", "prefetches_cancelled"):
        assert sum(int(found.instances[what].sum()) > 0 for found in records) >= 2


def test_a_few_of_all_seeds_are_such() -> None:
    assert 0.02 < sum(knobs_of(seed).giving_way for seed in range(300)) / 300 < 0.1
