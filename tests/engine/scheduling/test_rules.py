"""Each scheduling and preemption rule against cases computed by hand; docs/scheduling.md has the formulas."""

import numpy as np
import pytest

from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.decisions import ENDED
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.entry import Core
from agentsim_env.engine.scheduling.preempt import PREEMPT_RULES
from agentsim_env.engine.scheduling.rules import SCHEDULE_RULES
from tests.engine.hand_made import engine
from tests.engine.scheduling.batch import Batch, waiting
from tests.reference.building import WorkloadBuilder


@pytest.mark.parametrize("rule", SCHEDULE_RULES)
def test_of_equals_the_first_in_the_queue_goes(rule: str) -> None:
    assert waiting(rule, 1, 2, 0).next_turn() == 1


def test_fcfs_takes_the_head() -> None:
    batch = waiting("fcfs", 2, 0, 1)
    batch.programs(arrived_s=[0.0, 1.0, 2.0])
    assert batch.next_turn() == 2


def test_program_fcfs_takes_the_oldest_program() -> None:
    batch = waiting("program_fcfs", 2, 0, 1)
    batch.programs(arrived_s=[1.0, 0.5, 2.0])
    assert batch.next_turn() == 1


def test_llm_d_las_weighs_service_against_the_wait() -> None:
    batch = waiting("llm_d_las", 0, 1, 2)
    batch.now(10.0)
    batch.state.served_tokens[:] = [1000.0, 3000.0, 2000.0]
    batch.turns(ready_s=[9.0, 1.0, 1.0])
    # 0.8 x 1 + 0.2 x 0, 0.8 x 0 + 0.2 x 1, 0.8 x 0.5 + 0.2 x 1
    assert batch.next_turn() == 0
    batch.state.served_tokens[2] = 1500.0  # 0.8 x 0.75 + 0.2 = 0.8, a tie: the first in the queue
    assert batch.next_turn() == 0
    batch.state.served_tokens[2] = 1498.0
    assert batch.next_turn() == 2


def test_llm_d_las_counts_output_twice_and_halves_what_is_past() -> None:
    # The first turn ends after 3 s, the second becomes ready 60 s later.
    work = WorkloadBuilder()
    work.program(0.0)
    leaf = work.segment(50)
    work.edge(work.turn(leaf, 100, 300), work.turn(leaf, 420, 10), gap_s=60.0)
    blueprint = Blueprint([engine(max_num_batched_tokens=2048)], rules={"schedule_turn": "llm_d_las"})
    core = Core(new_state(blueprint, work.build()))
    core.state.world["time_limit_s"] = 4.0
    core.advance()
    assert core.state.served_tokens[0] == 100 + 2 * 300
    core.state.world["time_limit_s"] = np.inf
    assert core.advance() == ENDED
    assert core.state.served_tokens[0] == pytest.approx(700 / 2 + 420 + 2 * 10)


def test_shortest_prompt_counts_what_was_generated_before_a_preemption() -> None:
    batch = waiting("shortest_prompt", prompts=(300, 200, 250))
    assert batch.next_turn() == 1
    batch.state.slot["target"][1] = 260
    assert batch.next_turn() == 2


def test_least_uncached_looks_at_the_cache() -> None:
    batch = waiting("least_uncached", prompts=(170, 100, 120))
    assert batch.next_turn() == 1
    hold(batch, segment=0, blocks=8)  # 170 - 128 = 42
    assert batch.next_turn() == 0
    hold(batch, segment=2, blocks=7)  # all blocks that the 120 tokens fill: 120 - 112 = 8
    assert batch.next_turn() == 2


def hold(batch: Batch, segment: int, blocks: int) -> None:
    """Instance 0 holds the first blocks of a program's segment."""
    from tests.engine.routing.situation import enter

    state, r = batch.state, int(batch.state.world["n_residents"][0])
    state.world["n_residents"] += 1
    record = state.resident[r : r + 1]
    record["segment"], record["pool"], record["blocks"] = segment, 0, blocks
    record["parent"] = record["next_holder"] = record["previous_holder"] = NONE
    enter(state, r)


# Autellix.


def test_plas_takes_the_least_attained_service() -> None:
    batch = waiting("plas")
    batch.programs(service_s=[3.0, 1.0, 2.0])
    assert batch.next_turn() == 1


def test_atlas_takes_the_shortest_critical_path() -> None:
    batch = waiting("atlas")
    batch.programs(service_s=[1.0, 2.0, 3.0])
    batch.state.path_s[:] = [1.0, 0.9, 0.5]
    assert batch.next_turn() == 2


@pytest.mark.parametrize(
    ("service_s", "chosen"),
    [
        # Quanta 1, 2, 4: the second queue from 1 s, the third from 3 s, the last from 7 s.
        ((1.0, 0.99, 0.0), 1),
        ((3.0, 2.9, 1.1), 1),
        ((7.0, 3.0, 6.9), 1),
        ((7.0, 100.0, 6.99), 2),
        ((9.0, 8.0, 7.0), 0),
    ],
)
def test_mlfq_takes_the_first_turn_of_the_first_queue(service_s: tuple[float, float, float], chosen: int) -> None:
    batch = waiting("autellix_mlfq")
    batch.programs(service_s=service_s)
    batch.now(0.5)  # all have waited for less than five times their service, but for a program without any
    assert batch.next_turn() == chosen


def test_mlfq_lifts_who_has_waited_for_long() -> None:
    batch = waiting("autellix_mlfq")
    batch.programs(service_s=[10.0, 8.0, 0.5], wait_s=[40.0, 30.0, 0.0])
    batch.turns(ready_s=[95.0, 95.0, 99.0])
    batch.now(100.0)
    # (40 + 5) / 10 = 4.5 and (30 + 5) / 8 < 5: the third, in the first queue by its service
    assert batch.next_turn() == 2
    batch.now(105.0)  # (40 + 10) / 10 = 5
    assert batch.next_turn() == 0


def test_mlfq_with_other_quanta() -> None:
    parameters = {"queues": 2.0, "first_quantum_s": 0.1, "quantum_growth": 3.0, "starvation_ratio": 1e9}
    batch = waiting("autellix_mlfq", parameters=parameters)
    batch.programs(service_s=[50.0, 0.1, 0.09])
    assert batch.next_turn() == 2
    batch.programs(service_s=[50.0, 0.1, 0.2])
    assert batch.next_turn() == 0


# SAGA.


def test_saga_takes_the_tenant_with_the_least_service_for_its_share() -> None:
    batch = waiting("saga_fair", n_tenants=2)
    batch.state.world["turns_ended"], batch.state.world["ended_service_s"] = 10, 20.0  # 2 s each
    batch.state.world["n_done"], batch.state.world["done_service_s"] = 2, 12.0  # 6 s each
    batch.programs(tenant=[0, 0, 1], deadline_s=[20.0, 14.0, 30.0], service_s=[4.0, 1.0, 5.0])
    batch.now(10.0)
    # Shares: max(6 - 4, 2) / 10 + (6 - 1) / 4 = 1.45 and max(6 - 5, 2) / 20 = 0.1.
    batch.state.tenant["service_s"] = [14.4, 1.0]  # 9.93 and 10
    assert batch.next_turn() == 1  # the earlier deadline of the two
    batch.state.tenant["service_s"] = [14.6, 1.0]  # 10.07 and 10
    assert batch.next_turn() == 2


def test_saga_bounds_the_slack() -> None:
    batch = waiting("saga_fair", n_tenants=3)
    batch.state.tenant["service_s"] = [0.9, 0.0015, 0.5]
    # Nothing has ended: 1 s is left of each. Overdue counts as 1 s, no deadline as 600 s.
    batch.programs(tenant=[0, 1, 2], deadline_s=[5.0, float("inf"), 11.5])
    batch.now(10.0)
    # 0.9 / (1 / 1) = 0.9; 0.0015 / (1 / 600) = 0.9; 0.5 / (1 / 1.5) = 0.75
    assert batch.next_turn() == 2
    batch.state.tenant["service_s"] = [0.9, 0.001, 0.7]  # 0.6 and 1.05
    assert batch.next_turn() == 1


# The gate.


def test_gate_orders_by_readiness_and_a_little_by_length() -> None:
    batch = waiting("gate", prompts=(9_000, 500, 30_000))
    batch.turns(ready_s=[1.0, 9.6, 0.0])
    # 1,000 + 9,000, 9,600 + 500, 0 + min(30,000, 10,000)
    assert batch.next_turn() == 0
    batch.turns(ready_s=[1.0, 9.4, 0.0])
    assert batch.next_turn() == 1


def test_gate_passes_by_who_does_not_fit_a_full_memory() -> None:
    batch = Batch("gate", prompts=(1700, 1610, 1590))
    batch.wait(0, 1, 2)
    batch.state.instance["n_running"] = 1
    batch.use(900)  # 0.9 of the pool is not above the limit
    assert batch.next_turn() == 2
    batch.programs(arrived_s=[0.0, 0.0, 0.0])
    batch.turns(ready_s=[0.0, 1.0, 2.0])
    assert batch.next_turn() == 0
    batch.use(960, idle=59)  # 901 in use, 99 blocks or 1,584 tokens to be had
    assert batch.next_turn() == NONE
    batch.turns(preemptions=[0, 1, 0])
    assert batch.next_turn() == 1  # was in a batch before
    batch.turns(preemptions=[0, 0, 0])
    batch.state.instance["n_running"] = 0
    assert batch.next_turn() == 0  # nothing runs: the head goes


# The oracle.


def test_srpt_knows_what_is_left_of_a_program() -> None:
    batch = waiting("oracle_srpt")
    batch.state.turn["new_tokens"] = [10, 50, 30]
    batch.state.turn["output_tokens"] = [100, 20, 60]
    assert batch.next_turn() == 1  # 110, 70, 90


# Preemption.


@pytest.mark.parametrize("rule", PREEMPT_RULES)
def test_of_equals_the_last_admitted_leaves(rule: str) -> None:
    batch = Batch(rule, kind="preempt_turn")
    batch.run(1, 0, 2)
    assert batch.victim() == 2


@pytest.mark.parametrize(
    ("rule", "leaves"),
    [
        ("last_admitted", 0),
        ("smallest", 2),  # 310, 325, 305
        ("largest", 1),
        ("least_progress", 2),  # 10, 25, 5 tokens
        ("latest_program", 1),
        ("most_service", 0),
    ],
)
def test_who_leaves_the_batch(rule: str, leaves: int) -> None:
    batch = Batch(rule, prompts=(300, 300, 300), kind="preempt_turn")
    batch.programs(arrived_s=[1.0, 3.0, 2.0], service_s=[9.0, 1.0, 5.0])
    batch.run(2, 1, 0, generated=[5, 25, 10])
    assert batch.victim() == leaves


def test_of_equal_progress_the_longest_prompt_leaves() -> None:
    batch = Batch("least_progress", prompts=(300, 500, 400), kind="preempt_turn")
    batch.run(0, 1, 2, generated=[7, 7, 7])
    assert batch.victim() == 1
    batch.run(0, 1, 2, generated=[7, 8, 7])
    assert batch.victim() == 2


# Pins.


@pytest.mark.parametrize(("rule", "first"), [("program_fcfs", 1), ("continuum", 3), ("gate", 3)])
def test_turns_whose_kv_is_pinned_go_first(rule: str, first: int) -> None:
    """One turn at a time, 10 ms an iteration, pins of 50 ms."""
    work = WorkloadBuilder()
    work.program(0.0)
    leaf = work.segment(20)
    # Runs until 0.1 s and is back at 0.2 s, when its pin has expired.
    work.edge(work.turn(leaf, 180, 10), work.turn(leaf, 200, 5), gap_s=0.1)
    work.program(0.01)
    leaf = work.segment(40)
    # Runs until 0.14 s, two iterations of prefill and two more tokens, and is back at 0.15 s; its pin waits with it.
    work.edge(work.turn(leaf, 390, 3), work.turn(leaf, 400, 5), gap_s=0.01)
    work.program(0.02)
    work.turn(work.segment(40), 500, 15)  # runs until 0.3 s
    blueprint = Blueprint(
        [engine(max_num_seqs=1)],
        rules={"schedule_turn": rule, "retain_kv": "ttl"},
        rule_params={"retain_kv": {"tau_s": 0.05}},
    )
    core = Core(new_state(blueprint, work.build()))
    assert core.advance() == ENDED
    scheduled_s = core.state.turn_run["scheduled_s"]
    # Of turns 1 and 3, the second ones, 1 is of the older program and, to the gate, 200 ms + 200 < 150 ms + 400.
    assert scheduled_s[first] == pytest.approx(0.3)
    assert scheduled_s[4 - first] > 0.31
    assert core.state.instance["pins_expired"][0] == 1
    assert core.state.instance["pins_used"][0] == 1
