"""Choices that a scenario names and the engine numbers: the names are those of the scenario."""

from typing import get_args

import pytest

from agentsim_env.engine.core.state import EVICTIONS, MODES, QUEUES, TIER_KINDS, TRANSFERS, WRITE_POLICIES
from agentsim_env.fields.base import Part
from agentsim_env.scenario.cluster import Cluster
from agentsim_env.scenario.instance import Instance
from agentsim_env.scenario.tiers import PeerLink, Tier


@pytest.mark.parametrize(
    ("part", "field", "numbered"),
    [
        (Cluster, "eviction", EVICTIONS),
        (Cluster, "transfers", TRANSFERS),
        (Instance, "mode", MODES),
        (Cluster, "write_policy", WRITE_POLICIES),
        (Tier, "kind", TIER_KINDS),
        (Tier, "queue", QUEUES),
        (PeerLink, "queue", QUEUES),
    ],
)
def test_the_engine_numbers_what_a_scenario_may_choose(part: type[Part], field: str, numbered: tuple[str, ...]) -> None:
    assert set(get_args(part.model_fields[field].annotation)) == set(numbered)
