"""What a router sees of instances where its view is delayed, by hand, on both simulators.

An iteration takes one second, a block has 16 tokens.
"""

from dataclasses import replace

from tests.agreement.compare import agreed_records
from tests.agreement.scenario import Scenario
from tests.engine.iteration.test_modes import independent, instance
from tests.reference.building import WorkloadBuilder

PAIR = [instance("mixed"), instance("mixed")]


def test_turns_pile_up_where_nobody_was_when_the_view_was_refreshed() -> None:
    programs = independent(*((at_s, 16, 30) for at_s in (0.5, 1.0, 9.5, 10.0, 10.5, 11.0)))
    records = agreed_records(Scenario(programs, PAIR, view_delay_s=10.0))
    # The arrival at 10 comes before the tick of that time, which shows four turns on the first instance.
    assert records.turns["instance"].tolist() == [0, 0, 0, 0, 1, 1]
    fresh = agreed_records(Scenario(programs, PAIR))
    assert fresh.turns["instance"].tolist() == [0, 1, 0, 1, 0, 1]


def test_what_was_computed_or_evicted_since_is_not_seen() -> None:
    build = WorkloadBuilder()
    mine, other = build.segment(20), build.segment(20)
    for at_s, segment in ((0.5, mine), (1.9, mine), (10.5, other), (12.0, mine), (20.5, mine)):
        build.program(at_s)
        build.turn(segment, 300, 1)
    pair = [instance("mixed", blocks=20)] * 2
    scenario = Scenario(build.build(), pair, rule="llm_d", rule_seed=5)
    fresh = agreed_records(scenario)
    assert fresh.turns["instance"].tolist() == [0, 0, 1, 0, 0]
    assert fresh.turns["hit_tokens"].tolist() == [0, 288, 0, 288, 288]
    late = agreed_records(replace(scenario, view_delay_s=10.0))
    # At 1.9 nobody is seen to have the context of turn 0. At 10 both are, of which turn 2 evicts it on one: turn 3 goes
    # there all the same and computes it again.
    assert late.turns["instance"].tolist() == [0, 1, 1, 1, 1]
    assert late.turns["hit_tokens"].tolist() == [0, 0, 0, 16, 288]


def test_views_end_when_nothing_is_left_to_happen() -> None:
    records = agreed_records(Scenario(independent((0.0, 16, 3)), PAIR, view_delay_s=0.25))
    assert records.end_s == 3.0
