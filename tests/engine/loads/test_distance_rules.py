"""Who is brought up and who gives way by invocation distance: agents on the GPU and on the CPU side, by hand.

The context of each agent has six blocks, HBM has room for two and a call, and agents 2 and 3 are there.
"""

import numpy as np
import pytest

from agentsim_env.engine.blueprint import Blueprint, Tier, new_state
from agentsim_env.engine.core import lists
from agentsim_env.engine.core.decisions import PREFETCH_KV, TRUNCATED
from agentsim_env.engine.core.state import NONE, State
from agentsim_env.engine.entry import Core
from agentsim_env.engine.eviction import room
from agentsim_env.engine.loads.rules import PREFETCH_RULES, prefetch
from tests.engine.hand_made import bound, engine
from tests.reference.building import WorkloadBuilder

prefetched = bound(prefetch)
victim = bound(room.victim_by_rule)
new_slot = bound(lists.new_slot)
join_waiting = bound(lists.join_waiting)
FAR_S = 1000.0


def agents(n: int = 4, prefetch: str = "scalesim", evict: str = "scalesim", **parameters: float) -> State:
    """Agents 0, 1 ... have had their first calls in this order, so that the last two are in HBM."""
    build = WorkloadBuilder()
    for k in range(n):
        build.program(float(k))
        leaf = build.segment(7)
        first = build.turn(leaf, 100, 1)
        build.report(FAR_S - 10 * k, turn=first)
        build.edge(first, build.turn(leaf, 100, 1), FAR_S)
    blueprint = Blueprint(
        [engine(kv_blocks=13)],
        tiers=[Tier("dram", 100, [0], float("inf"), 160.0)],
        rules={"prefetch_kv": prefetch, "evict_kv": evict},
        rule_params={"evict_kv": parameters} if parameters else {},
        time_limit_s=50.0,
    )
    core = Core(new_state(blueprint, build.build()))
    assert core.advance() == TRUNCATED
    return core.state


def announce(state: State, *distances: float) -> State:
    """How far each agent is now."""
    state.announced[: len(distances)] = state.world["now_s"][0] + np.array(distances)
    return state


def brought_up(state: State, rule: str = "scalesim") -> int | None:
    """The agent whose context comes up next, looked for up to a distance of 3."""
    row = PREFETCH_RULES[rule]
    if "load_ahead" in row.parameters:
        state.parameter[PREFETCH_KV, list(row.parameters).index("load_ahead")] = 3.0
    t = int(prefetched(state, list(PREFETCH_RULES).index(rule), 0))
    return None if t == NONE else int(state.turn["program"][t])


def goes(state: State) -> int:
    """The agent whose context, segment k of agent k, gives way next."""
    return int(state.resident["segment"][victim(state, 0)])


def in_hbm(state: State) -> list[int]:
    held = (state.resident["pool"] == 0) & (state.resident["blocks"] > 0)
    return sorted(state.resident["segment"][held].tolist())


def test_the_agents_are_where_the_cases_want_them() -> None:
    assert in_hbm(agents()) == [2, 3]


def test_an_agent_is_brought_up_if_an_inactive_one_in_hbm_is_further() -> None:
    """ScaleSim, figure 6: beside agents in HBM at 2 and 3, the one at 1 is brought up, and the one at 3 is not."""
    state = agents()
    assert brought_up(announce(state, 1, 3, 2, 3)) == 0
    assert brought_up(announce(state, FAR_S, 3, 2, 3)) is None
    assert brought_up(announce(state, FAR_S, 2.5, 2, 3)) == 1
    assert brought_up(announce(state, 3, 2.5, 2, 3)) == 1


def test_kvflow_does_not_look_at_who_gives_way() -> None:
    assert brought_up(announce(agents(), FAR_S, 3, 2, 3), "kvflow") == 1


def test_nobody_is_brought_up_who_is_further_than_the_rule_looks() -> None:
    state = agents()
    assert brought_up(announce(state, 3.5, FAR_S, FAR_S, FAR_S)) is None
    assert brought_up(announce(state, 3.5, 3.0, FAR_S, FAR_S)) == 1


def test_an_agent_that_has_not_reported_is_beyond_all_that_have() -> None:
    state = announce(agents(), 3, FAR_S, FAR_S, FAR_S)
    state.announced[2] = np.inf
    assert goes(state) == 2
    state.announced[0] = np.inf
    assert brought_up(state) is None


def call(state: State, agent: int) -> None:
    """The second call of an agent waits."""
    join_waiting(state, 0, new_slot(state, 2 * agent + 1))


@pytest.mark.parametrize("rule", ["scalesim", "kvflow"])
def test_who_waits_comes_first_and_nobody_comes_instead_of_it(rule: str) -> None:
    state = announce(agents(5), 2, 1, FAR_S, FAR_S, FAR_S)
    assert brought_up(state, rule) == 1
    call(state, 0)
    assert brought_up(state, rule) == 0
    state.pool["used"][0] = state.pool["capacity"][0] - 5  # what waits needs six
    state.pool["idle"][0] = 0
    assert brought_up(state, rule) is None


@pytest.mark.parametrize("rule", ["scalesim", "kvflow"])
def test_nobody_is_brought_up_ahead_while_those_who_wait_need_more_than_hbm_has(rule: str) -> None:
    state = announce(agents(), 1, FAR_S, FAR_S, FAR_S)
    state.instance["queued_tokens"][0] = 13 * 16
    assert brought_up(state, rule) == 0
    state.instance["queued_tokens"][0] += 1
    assert brought_up(state, rule) is None


@pytest.mark.parametrize("rule", ["scalesim", "kvflow"])
def test_only_those_who_wait_are_looked_at_who_have_room_in_hbm(rule: str) -> None:
    """Agents 2 and 3 are in HBM and wait before agent 0; 13 blocks are two contexts of 100 tokens."""
    state = announce(agents(), FAR_S, FAR_S, FAR_S, FAR_S)
    for agent in (2, 3, 0):
        call(state, agent)
    assert brought_up(state, rule) is None
    state.instance["queued_tokens"][0] = 13 * 16
    assert brought_up(state, rule) == 0


@pytest.mark.parametrize(
    ("distances", "first"),
    [((3, 2), 2), ((2, 3), 3), ((2, 2), 2)],  # of equals the one that was released first
)
def test_the_furthest_agent_gives_way_first(distances: tuple[float, float], first: int) -> None:
    assert goes(announce(agents(), 0, 0, *distances)) == first


def test_kvflow_tells_few_steps_apart() -> None:
    assert goes(announce(agents(evict="kvflow", level=1.0), 0, 0, 2, 3)) == 2
    assert goes(announce(agents(evict="kvflow", level=4.0), 0, 0, 2, 3)) == 3


def test_the_oracle_brings_up_who_comes_next_if_only_later_ones_go_for_it() -> None:
    """Agents are called again in their order. Belady's rule has kept 0 and 3, so that 1 pushes out 3."""
    state = agents(evict="oracle_belady")
    assert in_hbm(state) == [0, 3]
    assert brought_up(state, "oracle_next_use") == 1
    state.turn_run["end_s"][[2, 4]] += 100.0  # were 1 and 2 called behind 3
    assert brought_up(state, "oracle_next_use") is None
