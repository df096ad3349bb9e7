"""How instances of each mode share their time between prefills and decodes, by hand, on both simulators.

An iteration takes one second, so that times count iterations.
"""

from dataclasses import replace

from agentsim_env.workload.programs import Programs
from tests.engine.random_scenarios import Knobs, build
from tests.engine.test_agreement import differences, engine_records, reference_records
from tests.reference.building import WorkloadBuilder
from tests.reference.description import InstanceSpec, constant_profile
from tests.reference.records import Records


def instance(mode: str, blocks: int = 100, seqs: int = 8, tokens: int = 512, **changes: object) -> InstanceSpec:
    spec = InstanceSpec(blocks, seqs, tokens, 10_000, constant_profile(overhead_s=1.0), mode=mode)
    return replace(spec, **changes)  # type: ignore[arg-type]


def independent(*shapes: tuple[float, int, int]) -> Programs:
    """Programs of one turn, nothing shared, from (arrival, prompt, output)."""
    build = WorkloadBuilder()
    for arrival_s, prompt, output in shapes:
        build.program(arrival_s)
        build.turn(build.segment(-(-(prompt + output) // 16)), prompt, output)
    return build.build()


PLAIN = build(
    Knobs(
        seed=0,
        n_instances=1,
        n_programs=1,
        memory=10.0,
        twins=False,
        grid=True,
        irregular=False,
        faults=False,
        frontend_s=0.0,
        rule="least_loaded",
    )
)
"""A scenario without anything unusual."""


def run(programs: Programs, *specs: InstanceSpec) -> Records:
    """The records, on which both simulators agree."""
    scenario = replace(PLAIN, programs=programs, specs=list(specs), warmup=0)
    records = engine_records(scenario)
    assert differences(reference_records(scenario), records) == []
    return records


def test_a_whole_prompt_stops_the_decodes() -> None:
    programs = independent((0.0, 10, 5), (1.5, 100, 1))
    records = run(programs, instance("prefill_first", tokens=40))
    # Tokens of turn 0 at 1 and 2; all of turn 1, above the budget, from 2 to 3; the others of turn 0 at 4, 5 and 6.
    assert records.turns["end_s"].tolist() == [6, 3]
    assert records.instances["iterations"] == 6
    # In chunks of 39, 39 and 22 tokens turn 1 keeps turn 0 from nothing, and takes longer itself.
    assert run(programs, instance("mixed", tokens=40)).turns["end_s"].tolist() == [5, 5]


def test_prompts_share_an_iteration_as_far_as_the_budget_goes() -> None:
    records = run(independent((0.0, 30, 2), (0.0, 30, 2), (0.0, 30, 2)), instance("prefill_first", tokens=64))
    # Turn 0 goes alone: it was the first to be routed to an idle instance, the others joined the queue behind it.
    assert records.turns["first_token_s"].tolist() == [1, 2, 2]
    # All decode together when nobody waits.
    assert records.turns["end_s"].tolist() == [3, 3, 3]


def test_a_prompt_that_does_not_fit_the_budget_keeps_the_others_waiting() -> None:
    shapes = ((0.0, 10, 1), (0.5, 30, 1), (0.5, 50, 1), (0.5, 10, 1))
    records = run(independent(*shapes), instance("prefill_first", tokens=64))
    assert records.turns["first_token_s"].tolist() == [1, 2, 3, 3]


def test_decodes_count_for_the_places_in_the_batch() -> None:
    records = run(independent((0.0, 10, 3), (0.5, 10, 1), (0.5, 10, 1)), instance("prefill_first", seqs=2))
    # Turn 1 from 1 to 2; turn 2 finds the place that it leaves; turn 0 decodes from 3 on.
    assert records.turns["end_s"].tolist() == [5, 2, 3]


def test_a_preempted_turn_is_prefilled_whole_when_there_is_room() -> None:
    records = run(independent((0.0, 32, 20), (0.5, 32, 20)), instance("prefill_first", blocks=5))
    # Turn 0 until 1, turn 1 until 2. Both decodes begin a block and one is free: turn 1 leaves two blocks as cache.
    # The next time that turn 0 begins a block, at 18, one of these goes. It ends at 21: 33 tokens of turn 1, 16 found.
    assert records.turns["preemptions"].tolist() == [0, 1]
    assert records.turns["end_s"].tolist() == [21, 40]
    assert records.turns["hit_tokens"].tolist() == [0, 16]
    assert records.turns["computed_tokens"].tolist() == [32, 32 + 17]


def test_a_failure_takes_no_token_from_decodes_that_stood_still() -> None:
    down = instance("prefill_first", failures=((1.75, 1.25),))
    records = run(independent((0.0, 10, 3), (0.5, 10, 1)), down)
    # Turn 0 has its first token at 1, then turn 1 is prefilled and lost. From 3 on turn 0 is prefilled, with the token
    # that it had, then turn 1, whose only token is out at 5, then turn 0 decodes its third.
    assert records.instances["generated_tokens"] == 4
    assert records.turns["end_s"].tolist() == [6, 5]
