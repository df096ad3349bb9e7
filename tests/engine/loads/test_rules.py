"""Prefetch rules on one instance of 8 blocks and a tier from which a block takes 0.1 s, with a latency of 0.5 s."""

from itertools import pairwise

import pytest

from agentsim_env.engine.blueprint import Blueprint, Tier, new_state
from agentsim_env.engine.core.decisions import ENDED, KINDS
from agentsim_env.engine.core.state import State
from agentsim_env.engine.entry import Core
from agentsim_env.workload.programs import Programs
from tests.engine.hand_made import engine
from tests.reference.building import WorkloadBuilder

BLOCK_BYTES = 16.0  # of the engines of `hand_made`; their iterations take 10 ms
PREFETCH = KINDS.index("prefetch_kv")


def made(rule: str, programs: Programs, agent_kinds: tuple[str, ...] = (), **parameters: float) -> Core:
    tier = Tier("dram", 1000, [0], float("inf"), 10 * BLOCK_BYTES, latency_s=0.5)
    blueprint = Blueprint(
        [engine(kv_blocks=8, max_num_seqs=1)],
        tiers=[tier],
        rules={"prefetch_kv": rule},
        rule_params={"prefetch_kv": parameters},
        agent_kinds=agent_kinds,
        candidates=4,
    )
    return Core(new_state(blueprint, programs))


def run(rule: str, programs: Programs, **parameters: float) -> State:
    core = made(rule, programs, (), **parameters)
    assert core.advance() == ENDED
    return core.state


def counts(state: State) -> tuple[int, int, int]:
    names = ("prefetches", "prefetches_used", "prefetches_wasted")
    return tuple(int(state.instance[name][0]) for name in names)  # type: ignore[return-value]


def work(*evictors_s: float, turns: int = 2, gap_s: float = 10.0, outputs: int = 1) -> Programs:
    """A program of 80, 96 ... tokens whose tool takes `gap_s`, and others whose contexts need all of the memory."""
    build = WorkloadBuilder()
    context, others = build.segment(8), [build.segment(8) for _ in evictors_s]
    build.program(0.0)
    chain = [build.turn(context, 80 + 16 * k, 1) for k in range(turns)]
    for source, target in pairwise(chain):
        build.edge(source, target, gap_s)
    for arrival_s, other in zip(evictors_s, others, strict=True):
        build.program(arrival_s)
        build.turn(other, 128 - outputs, outputs)
    return build.build()


def hits(state: State) -> list[int]:
    return state.turn_run["hit_tokens"].tolist()


def test_without_a_rule_the_turn_waits_for_its_context() -> None:
    """80 tokens, the five blocks of the first turn: 0.5 s + 5 x 0.1 s from 10.01 s on, then an iteration."""
    state = run("none", work(1.0))
    assert counts(state) == (0, 0, 0)
    assert state.turn_run["first_token_s"][1] == pytest.approx(10.01 + 1.0 + 0.01)
    assert hits(state)[1] == 80


def test_an_oracle_has_it_there_in_time() -> None:
    """The tool answers at 10.01 s; a tick is at 9.01 s, and 5 ms of margin let it be the one."""
    state = run("oracle_return", work(1.0), margin_s=0.005)
    assert counts(state) == (1, 1, 0)
    assert state.turn_run["first_token_s"][1] == pytest.approx(10.01 + 0.01)
    assert hits(state)[1] == 80


@pytest.mark.parametrize("parameters", [{"ema": 0.0}, {"ema": 1.0}])
def test_a_prediction_needs_a_gap_that_has_ended(parameters: dict[str, float]) -> None:
    """The second gap is predicted from the first: its turn begins when it is ready."""
    state = run("predicted_return", work(1.0, 15.0, turns=3), margin_s=0.15, **parameters)
    run_s = state.turn_run
    assert run_s["first_token_s"][1] == pytest.approx(run_s["ready_s"][1] + 1.01)
    assert run_s["first_token_s"][2] == pytest.approx(run_s["ready_s"][2] + 0.01)
    assert counts(state)[1] >= 1


def test_saga_takes_a_quantile_and_a_margin() -> None:
    """One gap of 10 s: all quantiles are 10 s, and the context sets out at the first tick from 8.9 s after the end on.

    Its six blocks take 1.1 s, and 0.1 s is the margin.
    """
    state = run("saga_margin", work(1.0, 15.0, turns=3))
    assert state.turn_run["first_token_s"][2] == pytest.approx(state.turn_run["ready_s"][2] + 0.01)


def test_what_is_evicted_again_is_wasted_and_not_brought_up_twice() -> None:
    state = run("oracle_return", work(1.0, 5.0), margin_s=7.0)
    assert counts(state) == (1, 0, 1)
    assert state.turn_run["first_token_s"][1] == pytest.approx(10.01 + 1.0 + 0.01)


@pytest.mark.parametrize("rule", ["on_return", "look_ahead"])
def test_contexts_of_waiting_turns_come_while_another_one_runs(rule: str) -> None:
    """At 9.9 s a turn begins that holds the batch until 10.06 s; five blocks do not find room beside its eight."""
    crowded = run(rule, work(1.0, 9.9, outputs=16))
    assert counts(crowded)[0] == 0
    build = WorkloadBuilder()
    context, small, large = build.segment(8), build.segment(2), build.segment(8)
    build.program(0.0)
    build.edge(build.turn(context, 32, 1), build.turn(context, 48, 1), 10.0)
    build.program(1.0)
    build.turn(large, 127, 1)
    build.program(9.9)
    build.turn(small, 16, 16)  # until 10.06 s
    state = run(rule, build.build())
    # Two blocks: from 10.01 s on, 0.5 s + 2 x 0.1 s, though the turn could join at 10.06 s only.
    assert counts(state) == (1, 1, 0)
    assert state.turn_run["first_token_s"][1] == pytest.approx(10.01 + 0.7 + 0.01)
    late = run("none", build.build())
    assert late.turn_run["first_token_s"][1] == pytest.approx(10.06 + 0.7 + 0.01)


def test_an_agent_is_asked_with_the_turns_as_candidates() -> None:
    core = made("none", work(1.0), agent_kinds=("prefetch_kv",))
    assert core.advance() == PREFETCH
    world, state = core.state.world, core.state
    assert (world["n_candidates"][0], int(state.candidate[0])) == (1, 0)
    assert state.option[:5].tolist() == [1, 0, 0, 0, 1]
    assert core.default() == 4
    while (asked := core.advance(4 if world["now_s"][0] < 8.5 else 0)) == PREFETCH:
        assert world["now_s"][0] > 1.0
    assert asked == ENDED
    assert counts(core.state) == (1, 1, 0)
    assert core.state.turn_run["first_token_s"][1] == pytest.approx(10.01 + 0.01)
