"""What states of one blueprint have in common."""

import numpy as np
import pytest

from agentsim_env.engine.blueprint import Blueprint, Tier, new_state
from agentsim_env.engine.core.state import LAYOUT, SEEN
from agentsim_env.workload.programs import Programs
from tests.engine.hand_made import engine
from tests.reference.building import WorkloadBuilder


def programs() -> Programs:
    work = WorkloadBuilder()
    work.program(0.0)
    work.turn(work.segment(8), 5, 5)
    return work.build()


@pytest.mark.parametrize("view_delay_s", [0.0, 1.0])
def test_states_of_a_blueprint_share_only_what_no_simulation_changes(view_delay_s: float) -> None:
    blueprint = Blueprint(
        [engine()] * 2,
        view_delay_s=view_delay_s,
        tiers=[Tier("dram", 100, [0, 0], 1.0, 1.0)],
        rules={"route_turn": "cache_aware", "retain_kv": "ttl", "evict_kv": "oracle_belady"},
    )
    one, other = (new_state(blueprint, programs()) for _ in range(2))
    for name, layout in LAYOUT.items():
        assert layout.fixed or not np.shares_memory(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize("view_delay_s", [0.0, 1.0])
def test_the_router_sees_the_instances_themselves_unless_its_view_is_delayed(view_delay_s: float) -> None:
    state = new_state(Blueprint([engine()], view_delay_s=view_delay_s), programs())
    for seen, name in SEEN.items():
        assert (getattr(state, seen) is getattr(state, name)) == (view_delay_s == 0.0)
