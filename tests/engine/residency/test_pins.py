"""What turns leave behind: left, dropped or pinned, and when a pin ends.

Iterations take 10 ms and blocks have 16 tokens; a turn of n blocks here has a context of 16 n + 1 tokens, of which the
last one is generated and has no KV: it leaves n blocks.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest

from agentsim_env import Simulator
from agentsim_env.engine.blueprint import Blueprint, Peer, new_state
from agentsim_env.engine.core import events
from agentsim_env.engine.core.decisions import ENDED, PIN
from agentsim_env.engine.core.state import NONE, State
from agentsim_env.engine.entry import Core
from agentsim_env.engine.residency import residency
from tests.engine.hand_made import bound, engine, state
from tests.engine.residency.test_residency import FOREST, check, hold
from tests.reference.building import WorkloadBuilder
from tests.small import small

PINS = ("pins_made", "pins_used", "pins_expired", "pins_broken")

lock, unlock = bound(residency.lock), bound(residency.unlock)
pin_record, unpin_record = bound(residency.pin_record), bound(residency.unpin_record)
available_blocks, pressure = bound(residency.available_blocks), bound(residency.pressure)


def chain(work: WorkloadBuilder, arrival_s: float, blocks: list[int], gap_s: float = 0.0, parent: int = NONE) -> int:
    """A program whose turns leave so many blocks on a leaf of their own, behind `parent`; its leaf."""
    before = 0 if parent == NONE else sum(work.segments[parent][1:])
    leaf = work.segment(blocks[-1] + 1 - before, parent)
    work.program(arrival_s)
    turns = [work.turn(leaf, 16 * n, 1) for n in blocks]
    for source, target in pairwise(turns):
        work.edge(source, target, gap_s)
    return leaf


def run(
    work: WorkloadBuilder,
    kv_blocks: int,
    retain: str = "ttl",
    parameters: Mapping[str, float] | None = None,
    n_instances: int = 1,
    until_s: float = float("inf"),
    eviction: str = "blocks",
    **rules: str,
) -> State:
    """The state after the work, or at a time, on instances of so many blocks."""
    blueprint = Blueprint(
        [engine(kv_blocks=kv_blocks)] * n_instances,
        rules={"retain_kv": retain, **rules},
        rule_params={"retain_kv": parameters or {}},
        time_limit_s=until_s,
        eviction=eviction,
    )
    core = Core(new_state(blueprint, work.build()))
    assert (core.advance() == ENDED) == np.isinf(until_s)
    core.synchronise()
    return core.state


def pins(made: State, i: int = 0) -> tuple[int, ...]:
    """Pins made, used, expired and broken on an instance."""
    return tuple(int(made.instance[name][i]) for name in PINS)


def resident(made: State, pool: int = 0) -> dict[int, int]:
    rows = made.resident[made.resident["pool"] == pool]
    rows = rows[rows["blocks"] > 0]
    return dict(zip(rows["segment"].tolist(), rows["blocks"].tolist(), strict=True))


# Records: locks and pins.


@pytest.fixture
def made() -> State:
    """Two empty pools of 20 blocks; somebody who routes may look who holds what."""
    return state(FOREST, n_instances=2, kv_blocks=20, cluster={"agent_kinds": ["route_turn"]})


def test_a_pin_holds_the_whole_path(made: State) -> None:
    r = hold(made, 3, 9)
    hold(made, 2, 6)
    pin_record(made, r)
    assert (made.pool["pinned"][0], made.pool["idle"][0]) == (9, 2)
    assert available_blocks(made, 0) == 20 - 9
    assert pressure(made, 0) == 9 / 20
    unpin_record(made, r, False)
    assert (made.pool["pinned"][0], made.pool["idle"][0]) == (0, 11)
    check(made)


def test_what_is_locked_is_not_counted_as_pinned(made: State) -> None:
    r = hold(made, 3, 9)
    pin_record(made, r)
    lock(made, r)
    assert (made.pool["pinned"][0], made.pool["idle"][0]) == (0, 0)
    unlock(made, r)
    assert (made.pool["pinned"][0], made.pool["idle"][0]) == (9, 0)
    lock(made, r)
    unpin_record(made, r, True)
    assert (made.pool["pinned"][0], made.pool["idle"][0]) == (0, 0)
    unlock(made, r)
    assert available_blocks(made, 0) == 20
    assert made.pool["last_first"][0] == NONE  # it has been in use since then
    check(made)


def test_what_goes_first_stands_first_as_far_as_nothing_stands_on_it(made: State) -> None:
    left, right = hold(made, 3, 9), hold(made, 4, 9)
    for r in (left, right):
        pin_record(made, r)
    hold(made, 5, 2)
    unpin_record(made, right, True)
    order = list(idle_segments(made))
    assert order == [4, 5]
    unpin_record(made, left, True)
    # Segment 1 has two children: it is ordinary cache, as is what is before it.
    assert list(idle_segments(made)) == [4, 3, 5, 1, 0]
    check(made)


def idle_segments(made: State) -> list[int]:
    order, r = [], int(made.pool["oldest"][0])
    while r != NONE:
        order.append(int(made.resident["segment"][r]))
        r = int(made.resident["newer"][r])
    return order


# Whole simulations.


def test_a_pin_is_used_by_the_turn_that_follows() -> None:
    work = WorkloadBuilder()
    chain(work, 0.0, [4, 6], gap_s=1.0)
    assert pins(run(work, 100, parameters={"tau_s": 2.0})) == (1, 1, 0, 0)


def test_a_pin_expires_at_its_deadline() -> None:
    work = WorkloadBuilder()
    chain(work, 0.0, [4, 6], gap_s=1.0)
    # The turn ends at 0.01 s: a pin of 0.5 s lasts until 0.51 s.
    before = run(work, 100, parameters={"tau_s": 0.5}, until_s=0.509)
    assert (pins(before), before.pool["pinned"][0], before.pool["idle"][0]) == ((1, 0, 0, 0), 4, 0)
    after = run(work, 100, parameters={"tau_s": 0.5}, until_s=0.511)
    assert (pins(after), after.pool["pinned"][0], after.pool["idle"][0]) == ((1, 0, 1, 0), 0, 4)
    assert after.pool["last_first"][0] == after.pool["oldest"][0] != NONE
    ordinary = run(work, 100, parameters={"tau_s": 0.5, "expired_first": 0.0}, until_s=0.511)
    assert ordinary.pool["last_first"][0] == NONE != ordinary.pool["oldest"][0]


def test_an_infinite_pin_has_no_deadline() -> None:
    work = WorkloadBuilder()
    chain(work, 0.0, [4, 6], gap_s=50.0)
    waiting = run(work, 100, parameters={"tau_s": np.inf}, until_s=40.0)
    assert (waiting.event["key"][: waiting.world["n_events"][0]] >> 32).tolist() == [events.EDGE_DONE]
    assert pins(run(work, 100, parameters={"tau_s": np.inf})) == (1, 1, 0, 0)


def test_the_last_turn_of_a_program_is_not_pinned_and_no_time_is_no_pin() -> None:
    work = WorkloadBuilder()
    chain(work, 0.0, [4])
    assert pins(run(work, 100, parameters={"tau_s": 2.0})) == (0, 0, 0, 0)
    chain(work, 0.0, [4, 6], gap_s=1.0)
    assert pins(run(work, 100, parameters={"tau_s": 0.0})) == (0, 0, 0, 0)


@pytest.mark.parametrize(("retain", "hit"), [("leave", 0), ("ttl", 4 * 16)])
def test_pinned_blocks_outlive_idle_ones(retain: str, hit: int) -> None:
    """Ten blocks: A leaves 4, then B 4 and ends; C's 4 take the place of A's by age, of B's if A's are pinned."""
    work = WorkloadBuilder()
    chain(work, 0.0, [4, 5], gap_s=1.0)
    chain(work, 0.1, [4])
    chain(work, 0.2, [4])
    after = run(work, 10, retain)
    # Without a pin two of A's blocks are left, which it finds again.
    assert after.turn_run["hit_tokens"][1] == (hit or 2 * 16)
    assert pins(after) == ((1, 1, 0, 0) if retain == "ttl" else (0, 0, 0, 0))


def test_under_pressure_the_pin_with_the_latest_deadline_is_broken_and_no_other() -> None:
    """Twelve blocks: A and B pin 4 each, C needs 7: four are free, B's pin is younger and frees three of its four."""
    work = WorkloadBuilder()
    a = chain(work, 0.0, [4, 5], gap_s=1.0)
    b = chain(work, 0.1, [4, 5], gap_s=1.0)
    c = chain(work, 0.2, [7])
    after = run(work, 12, parameters={"tau_s": 5.0}, until_s=0.5)
    assert resident(after) == {a: 4, b: 1, c: 7}
    assert pins(after) == (2, 0, 0, 1)


@pytest.mark.parametrize(("expired_first", "left"), [(0.0, (1, 4)), (1.0, (4, 1))])
def test_what_has_expired_is_ordinary_cache_or_goes_before_what_has_been_idle_for_longer(
    expired_first: float, left: tuple[int, int]
) -> None:
    work = WorkloadBuilder()
    idle = chain(work, 0.0, [4])
    pinned = chain(work, 0.1, [4, 5], gap_s=9.0)
    chain(work, 2.0, [5])
    after = run(work, 10, parameters={"tau_s": 1.0, "expired_first": expired_first}, until_s=3.0)
    assert (resident(after)[idle], resident(after)[pinned]) == left
    assert pins(after) == (1, 0, 1, 0)


@pytest.mark.parametrize(("decodes", "given_up_s"), [(0, 0.04), (8, 0.06)])
def test_infercept_is_asked_again_about_what_it_keeps(decodes: int, given_up_s: float) -> None:
    """65 tokens from 0.01 s on, an iteration of 16 tokens being full, and a tick every 10 ms.

    Alone they would be computed again in chunks of 16, which wastes 10 ms x (16 + 32 + 48 + 64) = 1.6 token-seconds, as
    much as keeping them for 25 ms. Beside eight decodes chunks have 8 tokens: 10 ms x 8 (1 + ... + 8) = 2.88, 44 ms.
    """
    work = WorkloadBuilder()
    chain(work, 0.0, [4, 6], gap_s=1.0)
    for _ in range(decodes):
        work.program(0.015)
        work.turn(work.segment(8), 16, 50)
    parameters = {"saturation_tokens": 16.0, "period_s": 0.01}
    before = run(work, 100, "infercept", parameters, until_s=given_up_s - 0.001)
    assert (pins(before), before.pool["pinned"][0]) == ((1, 0, 0, 0), 4)
    after = run(work, 100, "infercept", parameters, until_s=given_up_s + 0.001)
    assert (pins(after), after.pool["pinned"][0]) == ((1, 0, 1, 0), 0)
    assert after.pool["last_first"][0] == after.pool["oldest"][0] != NONE


def test_ticks_about_pins_end_with_the_pins() -> None:
    work = WorkloadBuilder()
    chain(work, 0.0, [4, 6], gap_s=1.0)
    after = run(work, 100, "infercept", {"saturation_tokens": 16.0, "period_s": 0.01}, until_s=0.5)
    assert (after.event["key"][: after.world["n_events"][0]] >> 32).tolist() == [events.EDGE_DONE]


@pytest.mark.parametrize(
    ("firm", "tau_s", "scheduled_s", "expected"),
    [
        (0.0, 5.0, 0.21, (1, 0, 0, 1)),  # the pin is broken at the next iteration
        (1.0, 5.0, 0.40, (1, 0, 0, 0)),  # C waits for the end of B, whose blocks are enough
        (1.0, 0.255, 0.27, (1, 0, 1, 0)),  # or for the deadline of the pin, in the middle of a run
    ],
)
def test_firm_pins_do_not_give_way_to_waiting_turns(
    firm: float, tau_s: float, scheduled_s: float, expected: tuple[int, ...]
) -> None:
    """Of 12 blocks A pins 6 from 0.01 s on and B, which runs from 0.1 to 0.4 s, has 2 when C comes and needs 5."""
    work = WorkloadBuilder()
    chain(work, 0.0, [6, 7], gap_s=9.0)
    work.program(0.1)
    work.turn(work.segment(3), 16, 30)
    chain(work, 0.205, [5])
    after = run(work, 12, parameters={"tau_s": tau_s, "firm": firm}, until_s=5.0)
    assert after.turn_run["scheduled_s"][3] == pytest.approx(scheduled_s)
    assert pins(after) == expected


def test_a_firm_pin_gives_way_when_nothing_runs() -> None:
    work = WorkloadBuilder()
    chain(work, 0.0, [6, 7], gap_s=1.0)
    chain(work, 0.2, [8])
    after = run(work, 12, parameters={"tau_s": 5.0, "firm": 1.0})
    assert after.turn_run["scheduled_s"][2] == 0.2
    assert pins(after) == (1, 0, 0, 1)


def test_a_pin_is_released_when_nobody_can_come_for_it() -> None:
    work = WorkloadBuilder()
    chain(work, 0.0, [4, 6], gap_s=1.0)
    after = run(work, 100, parameters={"tau_s": 5.0}, n_instances=2, route_turn="round_robin")
    assert (pins(after), pins(after, 1)) == ((1, 0, 0, 0), (0, 0, 0, 0))
    assert (after.pool["pinned"][0], after.pool["idle"][0], after.instance["pin"][0]) == (0, 4, NONE)


@pytest.mark.parametrize(("output", "expected"), [(3, (1, 1, 0, 0)), (1, (1, 0, 0, 0))])
def test_a_pin_where_decodes_run_waits_while_the_next_turn_is_prefilled(output: int, expected: tuple[int, ...]) -> None:
    """It is used when that turn is handed over, and released if all of its output is there before."""
    work = WorkloadBuilder()
    leaf = work.segment(8)
    work.program(0.0)
    first, second = work.turn(leaf, 64, 2), work.turn(leaf, 100, output)
    work.edge(first, second, 1.0)
    engines = [engine(mode="prefill"), engine(mode="decode")]
    rules, parameters = {"retain_kv": "ttl"}, {"retain_kv": {"tau_s": 50.0}}
    blueprint = Blueprint(engines, rules=rules, rule_params=parameters, peer=Peer(np.inf))
    core = Core(new_state(blueprint, work.build()))
    assert core.advance() == ENDED
    assert (pins(core.state), pins(core.state, 1)) == ((0, 0, 0, 0), expected)
    assert (core.state.pool["pinned"] == 0).all()


def test_of_several_that_follow_the_last_one_elsewhere_releases_the_pin() -> None:
    """A root with two followers; the first goes to instance 1, the second comes back to instance 0."""
    work = WorkloadBuilder()
    trunk = work.segment(4)
    work.program(0.0)
    root = work.turn(work.segment(2, trunk), 64, 1)
    for gap_s in (1.0, 2.0):
        work.edge(root, work.turn(work.segment(2, trunk), 70, 1), gap_s)
    after = run(work, 100, parameters={"tau_s": 5.0}, n_instances=2, route_turn="round_robin")
    assert (pins(after), pins(after, 1)) == ((1, 1, 0, 0), (0, 0, 0, 0))


def test_a_dropped_context_is_computed_again() -> None:
    work = WorkloadBuilder()
    chain(work, 0.0, [4, 6], gap_s=1.0)
    after = run(work, 100, "evict_always")
    assert after.turn_run["hit_tokens"].tolist() == [0, 0]
    assert after.instance["dropped_blocks"][0] == 4


def test_what_others_stand_on_is_not_dropped() -> None:
    work = WorkloadBuilder()
    trunk = work.segment(3)
    chain(work, 0.0, [5, 6], gap_s=1.0, parent=trunk)
    chain(work, 0.5, [4], parent=trunk)
    after = run(work, 100, "evict_always")
    # At first the trunk goes with the context; at the end of the chain the other program's block stands on it.
    assert after.instance["dropped_blocks"][0] == 5
    assert after.turn_run["hit_tokens"][1] == 3 * 16


# Asked from outside.


def test_an_agent_sees_the_grid() -> None:
    grid = [0.5, 4.0]
    changes = {"decisions.pin_grid_s": grid, "rules.retain_kv": "ttl", "rules.rule_params.retain_kv": {"tau_s": 2.0}}
    simulator = Simulator(small("tight", changes), agent_kinds=("retain_kv",))
    simulator.reset(1)
    decision = simulator.next_decision()
    assert decision is not None
    assert decision.kind == "retain_kv"
    assert decision.mask.tolist() == [True, True, False, False, True, True]
    assert decision.default == PIN  # 2 s are nearer to half a second than to four
    assert simulator.state.turn_run["end_s"][decision.turn] == decision.time_s
    assert simulator.state.turn_run["instance"][decision.turn] == decision.instance
    simulator.apply(PIN + 1)
    simulator.next_decision()
    assert simulator.state.instance["pins_made"].sum() == 1
