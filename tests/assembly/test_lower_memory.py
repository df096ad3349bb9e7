"""Tiers that hold more blocks than the engine can count, and what comes up from them."""

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


@pytest.mark.parametrize(("interrupt", "layers"), [(False, 0), (True, 32)])
def test_a_load_stops_between_the_layers_of_the_model(interrupt: bool, layers: int) -> None:
    tier = {"kind": "dram", "capacity_gib": 1.0, "queue": "priority", "interrupt": interrupt}
    assert Simulator(small("equal", {"cluster.tiers": [tier]})).blueprint.tiers[0].interrupt_layers == layers


def test_adapters_need_a_link_that_moves_something() -> None:
    changes = {
        "cluster.tiers": [{"kind": "dram", "capacity_gib": 1.0, "link_gb_per_s": 0.0}],
        "cluster.instances.0.adapters": {"slots": 2},
    }
    with pytest.raises(ScenarioError, match=r"cluster\.tiers\.0\.link_gb_per_s: must be above 0 on the way up"):
        Simulator(small("equal", changes))
