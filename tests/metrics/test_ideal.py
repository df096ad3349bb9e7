import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from agentsim_env.assembly import resolve
from agentsim_env.load import prepare
from agentsim_env.metrics import Records
from agentsim_env.metrics.ideal import ideal_s
from agentsim_env.scenario import load_scenario
from agentsim_env.workload import ChainTurn, ProgramBuilder, Programs, Tool
from tests.engine.random_scenarios import KNOBS, Knobs, build, knobs_of
from tests.metrics.episodes import PLAIN, chains, engine, run, run_random

FRONTEND_S = 0.01


def prefill_s(tokens: int, cached: int) -> float:
    return PLAIN.prefill_s(tokens, cached, chunk_tokens=512)


def decode_s(prompt: int, output: int) -> float:
    return sum(PLAIN.iteration_s([prompt + j]) for j in range(1, output))


def turn_s(prompt: int, output: int, cached: int) -> float:
    return FRONTEND_S + prefill_s(prompt - cached, cached) + decode_s(prompt, output)


def ideal(builder: ProgramBuilder) -> np.ndarray:
    return ideal_s(builder.build(), [engine()], FRONTEND_S)


def test_one_turn() -> None:
    builder = ProgramBuilder()
    builder.add_chain(builder.add_program(), [ChainTurn(700, 50)])
    assert ideal(builder) == pytest.approx([turn_s(700, 50, 0)], rel=1e-12)


def test_a_chain_finds_its_own_context() -> None:
    builder = ProgramBuilder()
    builder.add_chain(builder.add_program(), [ChainTurn(700, 50, gap_s=2.0), ChainTurn(100, 30)])
    # The KV of the 50th generated token is never computed: 749 tokens are 46 whole blocks.
    expected = turn_s(700, 50, 0) + 2.0 + turn_s(850, 30, 46 * 16)
    assert ideal(builder) == pytest.approx([expected], rel=1e-12)


def test_a_segment_of_several_programs_is_cached_from_the_start() -> None:
    builder = ProgramBuilder()
    system = builder.add_segment(20)
    alone = builder.add_segment(20)
    for parent in (system, system, alone):
        builder.add_chain(builder.add_program(), [ChainTurn(100, 10)], parent=parent)
    expected = [turn_s(420, 10, 320), turn_s(420, 10, 320), turn_s(420, 10, 0)]
    assert ideal(builder) == pytest.approx(expected, rel=1e-12)


def test_failed_attempts_and_backoffs_count_but_no_queue_of_the_tool() -> None:
    builder = ProgramBuilder(tools=[Tool("search", concurrency=1, backoff_s=0.5)])
    segment = builder.add_segment(20)
    program = builder.add_program()
    first = builder.add_turn(program, segment, prompt_tokens=100, output_tokens=10)
    second = builder.add_turn(program, segment, prompt_tokens=200, output_tokens=10, new_tokens=90)
    builder.add_edge(first, second, 3.0, tool="search", failures=2)
    expected = turn_s(100, 10, 0) + 3 * 3.0 + 0.5 + 1.0 + turn_s(200, 10, 96)
    assert ideal(builder) == pytest.approx([expected], rel=1e-12)


def test_a_graph_takes_as_long_as_its_longest_path() -> None:
    builder = ProgramBuilder()
    trunk = builder.add_segment(10)
    main, left, right = (builder.add_segment(30, trunk) for _ in range(3))
    program = builder.add_program()
    root = builder.add_turn(program, main, prompt_tokens=200, output_tokens=20)
    short = builder.add_turn(program, left, prompt_tokens=300, output_tokens=10, new_tokens=140)
    long = builder.add_turn(program, right, prompt_tokens=300, output_tokens=100, new_tokens=140)
    join = builder.add_turn(program, main, prompt_tokens=400, output_tokens=20, new_tokens=180)
    for source, target, gap_s in ((root, short, 0.1), (root, long, 0.2), (short, join, 0.3), (long, join, 0.4)):
        builder.add_edge(source, target, gap_s)
    # Branches find the trunk, which the root has filled; the join finds the root's own 219 tokens.
    expected = turn_s(200, 20, 0) + 0.2 + turn_s(300, 100, 160) + 0.4 + turn_s(400, 20, 208)
    assert ideal(builder) == pytest.approx([expected], rel=1e-12)


def test_turns_at_once_may_find_what_any_of_them_computes() -> None:
    builder = ProgramBuilder()
    segment = builder.add_segment(40)
    program = builder.add_program()
    builder.add_turn(program, segment, prompt_tokens=500, output_tokens=20)
    builder.add_turn(program, segment, prompt_tokens=300, output_tokens=20)
    # Whichever comes first, the other may find its blocks: (500 + 19) // 16 = 32 and (300 + 19) // 16 = 19 of them.
    expected = max(turn_s(500, 20, 19 * 16), turn_s(300, 20, 288))
    assert ideal(builder) == pytest.approx([expected], rel=1e-12)


def test_each_turn_runs_on_the_instance_that_is_fastest_for_it() -> None:
    fast_but_small = engine(PLAIN.replace(dense_s=PLAIN.dense_s / 2), kv_blocks=20)
    builder = ProgramBuilder()
    for tokens in (200, 1000, 600_000):
        builder.add_chain(builder.add_program(), [ChainTurn(tokens, 10)])
    programs = builder.build()
    together = ideal_s(programs, [engine(), fast_but_small], FRONTEND_S)
    large, small = ideal_s(programs, [engine()], FRONTEND_S), ideal_s(programs, [fast_but_small], FRONTEND_S)
    assert together[0] == small[0] < large[0]
    assert together[1] == large[1]
    assert np.isnan(small[1:]).all()
    assert np.isnan(together[2])


def slower_than_ideal(records: Records) -> np.ndarray:
    done = records.programs[records.programs["state"] == "done"]
    assert not np.isnan(done["slowdown"]).any()
    return done["jct_s"] < done["ideal_s"] * (1 - 1e-9)


@pytest.mark.parametrize("first", range(0, 240, 40))
def test_no_program_of_a_random_scenario_is_faster(first: int) -> None:
    for seed in range(first, first + 40):
        assert not slower_than_ideal(run_random(build(knobs_of(seed)))).any(), f"seed {seed}"


@given(knobs=KNOBS)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_no_program_is_faster_in_scenarios_that_shrink(knobs: Knobs) -> None:
    assert not slower_than_ideal(run_random(build(knobs))).any()


@pytest.mark.parametrize("name", ["coding_agents", "coding_agents_heterogeneous", "deep_research"])
def test_no_program_is_faster_on_measured_profiles(name: str) -> None:
    scenario = load_scenario(name, ["workload.arrivals={process: poisson, rate_per_s: 0.2}"])
    engines = resolve(scenario.cluster)
    programs = prepare(scenario).draw(0)
    records = run(programs, engines, frontend_s=scenario.cluster.frontend_s)
    assert not slower_than_ideal(records).any()


def alone(programs: Programs) -> Records:
    """The first program by itself, the others long after it."""
    spread = programs.program.copy()
    spread["arrival_s"] = 1e4 * np.arange(len(spread))
    return run(programs._replace(program=spread), [engine()])


def test_a_program_alone_is_at_its_ideal() -> None:
    slowdown = alone(chains(n=8)).programs["slowdown"]
    # The first one finds no system prompt in the cache.
    assert slowdown[0] > 1.0
    assert slowdown[1:] == pytest.approx(1.0, rel=1e-9)


def test_a_hundred_thousand_programs_do_not_take_long() -> None:
    programs = chains(n=2000, turns=18)
    ideal_s(programs, [engine()], FRONTEND_S)
    begin_s = time.process_time()
    ideal_s(programs, [engine()], FRONTEND_S)
    # 2 s for 100,000 programs, with a factor of 5 for slow machines.
    assert time.process_time() - begin_s < 0.2
