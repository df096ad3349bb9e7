"""Routing rules in whole runs: they end, they repeat themselves, and what they look at adds up."""

import numpy as np
import pytest

from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.decisions import ENDED, ROUTE_TURN
from agentsim_env.engine.core.state import DECODE, NONE, State
from agentsim_env.engine.entry import Core
from agentsim_env.engine.routing.rules import ROUTE_RULES
from agentsim_env.workload.faults import FAULT
from agentsim_env.workload.programs import Programs
from tests.engine.routing.situation import BLOCK, Engine
from tests.reference.building import WorkloadBuilder

N_PROGRAMS = 200
N_TURNS = 5


@pytest.fixture(scope="module")
def programs() -> Programs:
    """Chains that share a system prompt, one in four with a branch; together they press on memory."""
    rng = np.random.default_rng(11)
    builder = WorkloadBuilder()
    system = builder.segment(20)
    arrival_s = 0.0
    for p in range(N_PROGRAMS):
        arrival_s += float(rng.exponential(0.12))
        builder.program(arrival_s)
        leaf = builder.segment(150, parent=system)
        prompt, last = 20 * BLOCK, -1
        for _ in range(N_TURNS):
            new, output = int(rng.integers(20, 250)), int(rng.integers(2, 60))
            prompt += new
            turn = builder.turn(leaf, prompt, output, new)
            if last >= 0:
                builder.edge(last, turn, gap_s=float(rng.lognormal(-1.0, 1.0)))
            prompt, last = prompt + output, turn
        if p % 4 == 0:
            side = builder.turn(system, 15 * BLOCK, 30)
            builder.edge(side - N_TURNS, side, gap_s=0.1)
    return builder.build()


def start(programs: Programs, rule: str, **arguments: object) -> Core:
    engine = Engine(kv_blocks=400, max_num_seqs=16, max_num_batched_tokens=256)
    blueprint = Blueprint([engine] * 4, block_size=BLOCK, frontend_s=0.01, rules={"route_turn": rule}, **arguments)  # type: ignore[arg-type]
    return Core(new_state(blueprint, programs, seed=7))


def changing(state: State) -> dict[str, bytes]:
    """Every field by itself: the padding between fields means nothing."""
    return {
        f"{name}.{field}": getattr(state, name)[field].tobytes()
        for name in ("world", "program_run", "turn_run", "instance", "pool")
        for field in getattr(state, name).dtype.names
    }


@pytest.mark.parametrize("rule", ROUTE_RULES)
def test_every_rule_completes_and_repeats_itself(programs: Programs, rule: str) -> None:
    first, second = start(programs, rule), start(programs, rule)
    assert first.advance() == ENDED
    assert second.advance() == ENDED
    assert first.state.world["n_done"][0] == N_PROGRAMS
    assert changing(first.state) == changing(second.state)
    for name in ("queued_tokens", "expected_tokens", "expected_pairs", "demand_blocks", "outstanding_tokens"):
        assert not first.state.instance[name].any(), name
    assert first.state.instance["output_tokens"].sum() == programs.turn["output_tokens"].sum()
    assert first.state.instance["turns"].sum() == len(programs.turn)
    assert len(set(first.state.turn_run["instance"].tolist())) == 4


@pytest.mark.parametrize("rule", ["dynamo", "lowest_estimated_latency", "saga", "preble"])
def test_rules_live_with_delayed_views_and_failures(programs: Programs, rule: str) -> None:
    faults = np.array([(5.0, 1, 0), (6.0, 2, 0), (9.0, 1, 1), (10.0, 2, 1)], FAULT)
    engine = Engine(kv_blocks=400, max_num_seqs=16, max_num_batched_tokens=256)
    blueprint = Blueprint([engine] * 4, block_size=BLOCK, view_delay_s=0.5, rules={"route_turn": rule})
    core = Core(new_state(blueprint, programs, faults))
    assert core.advance() == ENDED
    assert core.state.world["n_done"][0] == N_PROGRAMS


def pending_by_hand(state: State, i: int) -> int:
    """Prefill tokens that running turns lack, and those expected of waiting turns."""
    tokens = 0
    s = int(state.instance["running_head"][i])
    while s != NONE:
        slot = state.slot[s]
        tokens += 0 if slot["state"] == DECODE else int(slot["target"] - slot["computed"])
        s = int(slot["next"])
    s = int(state.instance["waiting_head"][i])
    while s != NONE:
        tokens += int(state.slot["expected"][s])
        s = int(state.slot["next"][s])
    return tokens


def demand_by_hand(state: State, i: int) -> int:
    blocks = 0
    s = int(state.instance["waiting_head"][i])
    while s != NONE:
        blocks += int(state.slot["demand"][s])
        s = int(state.slot["next"][s])
    return blocks


def test_sums_over_queue_and_batch_hold_at_every_decision(programs: Programs) -> None:
    core = start(programs, "lowest_estimated_latency", agent_kinds=("route_turn",))
    rng = np.random.default_rng(3)
    seen = waited = 0
    asked = core.advance()
    while asked == ROUTE_TURN:
        core.synchronise()
        for i in range(4):
            row = core.state.instance[i]
            hit_tokens = row["hit_tokens"] + row["readmission_hit_tokens"]
            lacking = int(row["expected_tokens"] + row["asked_tokens"] - hit_tokens - row["prefill_tokens"])
            assert lacking == pending_by_hand(core.state, i)
            assert int(row["demand_blocks"]) == demand_by_hand(core.state, i)
            seen += lacking > 0
            waited += int(row["n_waiting"]) > 0
        asked = core.advance(int(rng.integers(4)))
    assert asked == ENDED
    assert seen > 1000
    assert waited > 500


# Work stealing.


def queue_on_one_instance(thief: Engine) -> Core:
    """Seven turns of a second each arrive at once, while only instance 0 is up; it runs one at a time."""
    builder = WorkloadBuilder()
    for _ in range(7):
        builder.program(0.0)
        builder.turn(builder.segment(100), prompt=500, output=501)
    busy = Engine(max_num_seqs=1)
    blueprint = Blueprint([busy, thief], block_size=BLOCK, rules={"route_turn": "saga"}, time_limit_s=1.35)
    core = Core(new_state(blueprint, builder.build()))
    core.advance()
    return core


def test_an_instance_without_a_queue_steals_the_oldest_waiting_turn() -> None:
    state = queue_on_one_instance(Engine(max_num_seqs=1, start_s=1.0)).state
    # It is up at 1.0 s. Of the ticks every 0.1 s, the one at 1.1 s is the first by which its queue was empty for 0.1 s;
    # turn 0 has ended by then and turn 1 runs. The turn stolen at the next tick queues: the five there are more than
    # twice the one here.
    assert state.turn_run["instance"][:4].tolist() == [0, 0, 1, 1]
    assert state.turn_run["scheduled_s"][2] == pytest.approx(1.1)
    assert np.isnan(state.turn_run["scheduled_s"][3])
    assert (state.turn_run["instance"][4:] == 0).all()
    assert state.program_run["home"].tolist() == [0, 0, 1, 1, 0, 0, 0]


def test_a_turn_that_does_not_fit_is_not_stolen() -> None:
    state = queue_on_one_instance(Engine(max_num_seqs=1, start_s=1.0, max_model_len_tokens=900)).state
    assert (state.turn_run["instance"] == 0).all()
