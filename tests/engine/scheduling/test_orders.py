"""What holds for every order of the queue, every victim and every admission, on whole runs."""

from collections.abc import Mapping

import numpy as np
import pytest

from agentsim_env.engine.admission.rules import ADMIT_RULES
from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.decisions import ENDED
from agentsim_env.engine.entry import Core
from agentsim_env.engine.scheduling.preempt import PREEMPT_RULES
from agentsim_env.engine.scheduling.rules import SCHEDULE_RULES
from agentsim_env.workload.programs import Programs
from tests.engine.routing.situation import BLOCK, Engine
from tests.engine.routing.test_runs import changing
from tests.reference.building import WorkloadBuilder

TIMES = ("ready_s", "scheduled_s", "first_token_s", "end_s")


def chains(n: int, spacing_s: float, in_turn: bool = False) -> Programs:
    """Chains of a few turns, long and short ones, one after the other if `in_turn`."""
    rng = np.random.default_rng(3)
    work = WorkloadBuilder()
    system = work.segment(10)
    arrival_s = 0.0
    for p in range(n):
        arrival_s += float(rng.exponential(spacing_s))
        work.program(0.1 if in_turn and p else arrival_s, after=p - 1 if in_turn else -1)
        leaf = work.segment(400, parent=system)
        n_turns = int(rng.choice([2, 3, 12]))
        prompt, last = 160, -1
        for _ in range(n_turns):
            new, output = int(rng.integers(20, 250)), int(rng.integers(2, 60))
            prompt += new
            turn = work.turn(leaf, prompt, output, new)
            if last >= 0:
                work.edge(last, turn, gap_s=float(rng.lognormal(-1.0, 1.0)))
            prompt, last = prompt + output, turn
    return work.build()


def run(programs: Programs, rules: Mapping[str, str], max_num_seqs: int = 8) -> Core:
    engine = Engine(kv_blocks=420, max_num_seqs=max_num_seqs, max_num_batched_tokens=256)
    core = Core(new_state(Blueprint([engine], block_size=BLOCK, rules=rules), programs))
    assert core.advance() == ENDED
    return core


RULES = [
    *[("schedule_turn", rule) for rule in SCHEDULE_RULES],
    *[("preempt_turn", rule) for rule in PREEMPT_RULES],
    *[("admit_program", rule) for rule in ADMIT_RULES],
]


@pytest.mark.parametrize(("kind", "rule"), RULES)
def test_one_program_at_a_time_is_served_alike_by_all(kind: str, rule: str) -> None:
    programs = chains(12, 0.0, in_turn=True)
    expected, found = run(programs, {}), run(programs, {kind: rule})
    for name in TIMES:
        assert (expected.state.turn_run[name] == found.state.turn_run[name]).all()


@pytest.fixture(scope="module")
def crowd() -> Programs:
    return chains(60, 0.3)


@pytest.mark.parametrize(("kind", "rule"), RULES)
def test_every_rule_serves_everybody_and_repeats_itself(crowd: Programs, kind: str, rule: str) -> None:
    first, second = run(crowd, {kind: rule}), run(crowd, {kind: rule})
    assert changing(first.state) == changing(second.state)
    world = first.state.world[0]
    assert (world["n_done"], world["n_admitted"], world["n_held"], world["n_paused"]) == (60, 0, 0, 0)
    assert first.state.instance["output_tokens"].sum() == crowd.turn["output_tokens"].sum()


def jct_s(programs: Programs, rules: Mapping[str, str], max_num_seqs: int = 8) -> np.ndarray:
    run_ = run(programs, rules, max_num_seqs).state.program_run
    return run_["end_s"] - run_["arrived_s"]


@pytest.mark.parametrize(("kind", "seqs"), [("schedule_turn", 8), ("admit_program", 64)])
def test_every_rule_makes_a_difference(crowd: Programs, kind: str, seqs: int) -> None:
    means = {rule: float(jct_s(crowd, {kind: rule}, seqs).mean()) for of, rule in RULES if of == kind}
    if kind == "schedule_turn":
        # Chains have no second path, and there is one tenant without deadlines.
        assert means.pop("atlas") == means["plas"]
        assert means.pop("saga_fair") == means["fcfs"]
    assert len(set(means.values())) == len(means), means


def test_every_victim_makes_a_difference() -> None:
    """Two turns each that generate a lot, so that running turns outgrow the memory."""
    rng = np.random.default_rng(5)
    work = WorkloadBuilder()
    for p in range(40):
        work.program(0.2 * p)
        leaf = work.segment(150)
        prompt, output = int(rng.integers(100, 400)), int(rng.integers(100, 500))
        first = work.turn(leaf, prompt, output)
        work.edge(first, work.turn(leaf, prompt + output + 50, int(rng.integers(100, 500)), 50), gap_s=0.3)
    programs = work.build()
    means = {rule: float(jct_s(programs, {"preempt_turn": rule}, 64).mean()) for rule in PREEMPT_RULES}
    assert len(set(means.values())) == len(means), means


def test_least_attained_service_beats_first_come_first_served(crowd: Programs) -> None:
    """Autellix: PLAS above its multi-level queue above FCFS, where programs differ in length; the oracle above all."""
    order = ["oracle_srpt", "plas", "autellix_mlfq", "fcfs"]
    means = [float(jct_s(crowd, {"schedule_turn": rule}).mean()) for rule in order]
    assert means == sorted(means), dict(zip(order, means, strict=True))


def test_the_oldest_program_first_keeps_the_longest_short(crowd: Programs) -> None:
    """Program FCFS is for the tail: programs of twelve turns do not fall behind with every turn."""
    long = crowd.program["n_turns"] == 12
    oldest, least = (jct_s(crowd, {"schedule_turn": rule}) for rule in ("program_fcfs", "plas"))
    assert oldest[long].mean() < least[long].mean()
