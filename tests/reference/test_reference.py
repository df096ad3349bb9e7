"""The reference simulator on cases small enough to work out by hand.

Unless a test says otherwise an iteration takes one second, so that times count iterations.
"""

import math

import pytest

from agentsim_env.workload.programs import Programs, Tool
from tests.reference.building import WorkloadBuilder
from tests.reference.description import InstanceSpec, Profile, constant_profile
from tests.reference.loop import simulate
from tests.reference.records import Records
from tests.reference.rules import Rules
from tests.reference.rules.routing import hash01, random, session_affinity
from tests.reference.rules.routing import route as routing_rule


def instance(
    blocks: int = 100,
    seqs: int = 8,
    tokens: int = 512,
    max_model_len: int = 10_000,
    start_s: float = 0.0,
    failures: tuple[tuple[float, float], ...] = (),
    latency: Profile | None = None,
) -> InstanceSpec:
    return InstanceSpec(
        blocks, seqs, tokens, max_model_len, latency or constant_profile(overhead_s=1.0), start_s, failures
    )


def run(
    programs: Programs,
    *specs: InstanceSpec,
    frontend_s: float = 0.0,
    route: str = "least_loaded",
    warmup_programs: int = 0,
) -> Records:
    rules = Rules(route_turn=routing_rule(route))
    return simulate(
        programs, specs or [instance()], rules, frontend_s=frontend_s, warmup_programs=warmup_programs, debug=True
    )


def independent(*shapes: tuple[float, int, int]) -> Programs:
    """Programs of one turn, nothing shared, from (arrival, prompt, output)."""
    build = WorkloadBuilder()
    for arrival_s, prompt, output in shapes:
        build.program(arrival_s)
        build.turn(build.segment(-(-(prompt + output) // 16)), prompt, output)
    return build.build()


def work(records: Records) -> tuple[float, ...]:
    """What the first instance has done, and what became of its blocks."""
    done = ("busy_s", "iterations", "prefill_tokens", "generated_tokens")
    blocks = ("peak_blocks", "evicted_blocks", "loaded_blocks", "stored_blocks")
    return tuple(records.instances[name][0] for name in done + blocks)


# Timing of one turn.


def test_one_turn() -> None:
    records = run(independent((2.0, 100, 5)), frontend_s=0.25)
    (turn,) = records.turns
    # Ready at 2, routed after the gateway, one prefill iteration (the first token) and four decodes.
    assert turn.item() == (2.0, 2.25, 2.25, 3.25, 7.25, 0, 0, 0, 100, 0, 0)
    assert records.programs[0].item() == (2.0, 7.25, 0.0, "done")
    assert work(records) == (5.0, 5, 100, 5, 7, 0, 0, 0)
    assert (records.area, records.area_all, records.decisions) == (5.25, 5.25, 1)


def test_prefill_in_chunks() -> None:
    records = run(independent((0.0, 100, 2)), instance(tokens=40))
    # 40 + 40 + 20 tokens, then one decode.
    assert records.turns["first_token_s"] == 3
    assert records.turns["end_s"] == 4


def test_decodes_take_their_tokens_before_prefills() -> None:
    records = run(independent((0.0, 10, 9), (0.0, 100, 1)), instance(tokens=40))
    # Turn 0 alone, then 39 tokens of turn 1 beside each decode of turn 0: 39 + 39 + 22.
    assert records.turns["first_token_s"].tolist() == [1, 4]


def test_arrival_in_an_iteration_waits_for_its_end() -> None:
    records = run(independent((0.0, 10, 4), (0.5, 10, 1), (2.0, 10, 1)))
    # The arrival at 2 comes before the end of the iteration at 2.
    assert records.turns["scheduled_s"].tolist() == [0, 1, 2]


def test_arrival_at_a_boundary_inside_a_run_cuts_it_there() -> None:
    build = WorkloadBuilder()
    build.program()
    build.turn(build.segment(2), 10, 9)
    build.program()
    leaf = build.segment(3)
    build.edge(build.turn(leaf, 10, 3), build.turn(leaf, 20, 1))
    home = {0: 0, 1: 1, 2: 0}
    records = simulate(
        build.build(), [instance(), instance()], Rules(route_turn=lambda view, turn: home[turn.id]), debug=True
    )
    # Turn 1 ends at 3 on instance 1, whose event comes after that of instance 0; its successor still joins 0 at 3.
    assert records.turns["scheduled_s"].tolist() == [0, 0, 3]


def test_max_num_seqs() -> None:
    records = run(independent((0.0, 10, 3), (0.0, 10, 1), (0.0, 10, 1)), instance(seqs=2))
    assert records.turns["scheduled_s"].tolist() == [0, 1, 2]


def test_iteration_times_follow_the_latency_form() -> None:
    ramp = Profile(
        dense_tokens=(1, 2),
        dense_s=(10.0, 11.0),
        seq_n=(1,),
        seq_s=(0.5,),
        dec_n=(1, 2),
        pure_a_s=(0.1, 0.2),
        pure_b_s=(0.01, 0.02),
        mixed_a_s=(1.0, 2.0),
        mixed_b_s=(1.0, 2.0),
        pre_c=(10, 20),
        pre_a_s=(3.0, 4.0),
        pre_b_s=(0.5, 1.0),
        overhead_s=100.0,
    )
    records = run(independent((0.0, 30, 3)), instance(tokens=20, latency=ramp))
    # Dense 10 + (N - 1) beyond the last knot too; chunks of 20 on 0 cached and of 10 on 20 cached.
    first = 100 + (10 + 19) + 0.5 + 4
    second = 100 + (10 + 9) + 0.5 + 3 + 0.5 * 20
    decodes = [100 + 10 + 0.5 + 0.1 + 0.01 * context for context in (31, 32)]
    assert records.turns["first_token_s"][0] == pytest.approx(first + second, rel=1e-12)
    assert records.turns["end_s"][0] == pytest.approx(first + second + sum(decodes), rel=1e-12)


def test_serial_floor_takes_over_in_a_run() -> None:
    floors = constant_profile(serial_pure_s=1.0, cpu_s=12.0)
    records = run(independent((0.0, 10, 5)), instance(latency=floors))
    # Contexts 11, 12, 13, 14 against the CPU's 12 seconds.
    assert records.turns["end_s"] - records.turns["first_token_s"] == 12 + 12 + 13 + 14


# Programs and tools.


def chain(gap_s: float, tool: Tool, failures: int = 0, programs: int = 1) -> Programs:
    """Programs of two turns (prompts 20 and 40 tokens, one output token each) with a tool between them."""
    build = WorkloadBuilder(tools=(tool,))
    for _ in range(programs):
        build.program()
        leaf = build.segment(3)
        build.edge(build.turn(leaf, 20, 1), build.turn(leaf, 40, 1), gap_s, failures=failures)
    return build.build()


def test_gap_retries_and_prefix_of_the_turn_before() -> None:
    records = run(chain(3.0, Tool("t", backoff_s=0.5), failures=2), frontend_s=0.25)
    # Turn 0 ends at 1.25; 3 attempts of 3 s, back-offs of 0.5 s and 1 s.
    assert records.turns["ready_s"].tolist() == [0, 11.75]
    assert records.turns["hit_tokens"].tolist() == [0, 16]
    assert records.turns["computed_tokens"].tolist() == [20, 24]
    assert records.programs[0].item() == (0.0, 13.0, 10.5, "done")
    assert (records.area, records.area_all) == (2.5, 13.0)


def test_tool_server_queues_and_retries_at_the_tail() -> None:
    records = run(chain(2.0, Tool("t", 1, 0.5), failures=1, programs=2))
    # Turn 0 ends at 1, turn 2 (which joined after the iteration had begun) at 2.
    # Edge 0 runs 1-3 and asks again at 3.5; edge 1 waits 2-3, runs 3-5, asks again at 5.5.
    # Edge 0 waits 3.5-5 and runs 5-7; edge 1 waits 5.5-7 and runs 7-9.
    assert records.turns["end_s"].tolist() == [1, 8, 2, 10]
    assert records.programs["gap_s"].tolist() == [2 + 0.5 + 2, 2 + 0.5 + 2]


def test_time_in_the_gateway_is_busy_before_a_tool_call_waits() -> None:
    build = WorkloadBuilder(tools=(Tool("free"), Tool("server", 1, 1.375)))
    build.program()
    root, first, second = (build.turn(build.segment(2), 16, 1) for _ in range(3))
    build.edge(root, first, gap_s=1.75)
    build.edge(root, second, gap_s=0.5, tool=1, failures=1)
    build.program(0.5)
    build.edge(build.turn(build.segment(2), 16, 1), build.turn(build.segment(2), 16, 1), gap_s=10.0, tool=1)
    records = run(build.build(), frontend_s=0.25)
    # The root ends at 1.25. Its second call fails at 1.75 and asks again at 3.125; the other program has had the place
    # since 2.25 and gives it back at 12.25. By then turn 1 is in the gateway: it is ready at 3, routed at 3.25.
    # Busy until 1.25, from 3 to 12.25, and from 12.75 (turn 2 is ready) to 14.5: the other program's turn runs first.
    assert records.turns["ready_s"].tolist()[:3] == [0, 3, 12.75]
    assert records.programs[0].item() == (0.0, 14.5, 1.75 + 0.5, "done")


def test_join_waits_for_the_last_edge() -> None:
    build = WorkloadBuilder()
    build.program()
    trunk = build.segment(4)
    main = build.segment(8, trunk)
    root = build.turn(main, 64, 1)
    children = [build.turn(build.segment(2, trunk), 70 + i, 1 + i) for i in range(2)]
    join = build.turn(main, 90, 1)
    for i, child in enumerate(children):
        build.edge(root, child, gap_s=1.0 + i)
        build.edge(child, join, gap_s=0.25)
    records = run(build.build())
    # Children are ready at 2 and 3, end at 3 and 5; the join is ready at 5.25.
    assert records.turns["ready_s"].tolist() == [0, 2, 3, 5.25]
    assert records.turns["hit_tokens"].tolist() == [0, 64, 64, 64]
    assert records.programs["gap_s"][0] == 1.25


def test_closed_loop() -> None:
    build = WorkloadBuilder()
    for arrival_s, after in ((1.0, -1), (0.5, 0)):
        build.program(arrival_s, after)
        build.turn(build.segment(1), 10, 2)
    records = run(build.build(), warmup_programs=1)
    assert records.programs["arrival_s"].tolist() == [1, 3.5]
    assert records.programs["end_s"].tolist() == [3, 5.5]
    assert records.area == 2


def test_too_long_fails_its_program() -> None:
    build = WorkloadBuilder()
    build.program()
    leaf = build.segment(11)
    build.edge(build.turn(leaf, 16, 1), build.turn(leaf, 160, 1), gap_s=4.0)
    build.program(1.0, after=0)
    build.turn(build.segment(1), 10, 1)
    records = run(build.build(), instance(blocks=10), instance(max_model_len=160))
    assert records.programs[0].item() == (0.0, 5.0, 4.0, "failed")
    assert math.isnan(records.turns["routed_s"][1])
    assert records.programs["arrival_s"][1] == 6


# Failures of instances.


def test_failure_loses_the_iteration_and_recomputes() -> None:
    records = run(independent((0.0, 40, 4)), instance(failures=((2.0, 3.0),)))
    # One token by 1; the one due at 2 is lost; from 5 on 41 tokens are prefilled, tokens 2, 3, 4 at 6, 7, 8.
    assert records.turns[0].item() == (0, 5, 0, 1, 8, 0, 0, 41, 81, 1, 0)
    assert work(records) == (5, 5, 81, 4, 3, 0, 0, 0)


def test_failure_reroutes_and_late_start_parks() -> None:
    specs = [instance(failures=((1.5, 100.0),), start_s=1.0), instance(start_s=1.25, blocks=3)]
    records = run(independent((0.0, 20, 2), (0.0, 20, 2), (0.0, 60, 2)), *specs)
    # Parked until 1; 0 and 1 fit both instances and move at 1.5 in order; 2 fits only instance 0, back at 101.5.
    assert records.turns["routed_s"].tolist() == [1.5, 1.5, 101.5]
    assert records.turns["instance"].tolist() == [1, 1, 0]
    assert records.turns["preemptions"].tolist() == [1, 0, 0]
    assert records.turns["end_s"].tolist() == [3.5, 5.5, 103.5]
    assert records.decisions == 6


# Routing.


@pytest.mark.parametrize(
    ("name", "chosen"), [("least_loaded", [0, 1, 0, 1]), ("round_robin", [0, 1, 0, 1]), ("least_tokens", [0, 1, 1, 1])]
)
def test_rules(name: str, chosen: list[int]) -> None:
    programs = independent((0.0, 100, 2), (0.0, 10, 2), (0.0, 10, 2), (0.0, 10, 2))
    assert run(programs, instance(), instance(), route=name).turns["instance"].tolist() == chosen


def test_session_affinity_falls_back_when_full() -> None:
    programs = chain(0.75, Tool("t"), programs=3)
    rules = Rules(route_turn=session_affinity(capacity_limit=1))
    records = simulate(programs, [instance(), instance()], rules, debug=True)
    # Program 2 begins on 0 at 1. At 1.75 program 0 finds its home full and takes 1, which is then full for program 1.
    # At 2.75 both have a turn: program 1's on 0 until 3, program 0's on 1 until 2.75, which comes after the routing.
    assert records.turns["instance"].tolist() == [0, 1, 1, 0, 0, 0]


def test_random_uses_splitmix64() -> None:
    # First outputs of splitmix64 from state 0.
    outputs = (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F)
    assert [hash01(0, k) for k in range(3)] == [(output >> 11) / 2**53 for output in outputs]
    rules = Rules(route_turn=random(seed=0))
    records = simulate(independent(*[(0.0, 10, 1)] * 3), [instance()] * 10, rules, debug=True)
    assert records.turns["instance"].tolist() == [int(hash01(0, k << 16) * 10) for k in range(3)]
