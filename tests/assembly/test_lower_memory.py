"""Tiers that hold more blocks than the engine can count."""

import pytest

from agentsim_env import ScenarioError, Simulator
from tests.small import small


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"cluster.tiers": [{"kind": "cxl", "capacity_gib": 2e5}]}, r"tiers\.0\.capacity_gib = 200000"),
        (
            {"cluster.tiers": [{"kind": "cxl", "capacity_gib": 1.0}], "cluster.staging_gib": 2e5},
            r"staging_gib = 200000",
        ),
    ],
)
def test_more_blocks_than_can_be_counted_are_refused(changes: dict, field: str) -> None:
    message = rf"cluster\.{field}: must be at most 122070, which is 1,000,000,000 blocks of 131,072 bytes"
    with pytest.raises(ScenarioError, match=message):
        Simulator(small("equal", {"cluster.block_size_tokens": 1, **changes}))
