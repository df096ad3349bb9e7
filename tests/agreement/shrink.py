"""Makes a scenario smaller, as long as what is wrong with it stays."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import NamedTuple

from agentsim_env.workload.programs import Programs
from tests.agreement.edits import (
    both_pools,
    earlier,
    plainer_tool,
    shorter_gap,
    shorter_output,
    shorter_prompt,
    without_edge,
    without_instance,
    without_outages,
    without_program,
    without_segment,
    without_turn,
)
from tests.agreement.scenario import Scenario
from tests.agreement.written import default
from tests.reference.description import constant_profile

TRIALS = 2000
"""A small scenario is compared in a few milliseconds, a large one in a tenth of a second."""


class Pass(NamedTuple):
    """One way to make a scenario smaller, at each of some places.

    Attributes:
        places: How many places it has in a scenario.
        edit: The scenario, smaller at a place; itself where there is nothing to do.
    """

    places: Callable[[Scenario], int]
    edit: Callable[[Scenario, int], Scenario]


def shrink(scenario: Scenario, is_wrong: Callable[[Scenario], bool], trials: int = TRIALS) -> Scenario:
    """The smallest scenario found for which `is_wrong` holds, as it does for the one given."""
    left = trials
    shrinking = True
    while shrinking:
        shrinking = False
        for places, edit in PASSES:
            # From the last place on, so that what is taken away moves none of those still to come.
            for place in reversed(range(places(scenario))):
                smaller = edit(scenario, place)
                if smaller is scenario:
                    continue
                if left == 0:
                    return scenario
                left -= 1
                if is_wrong(smaller):
                    scenario, shrinking = smaller, True
    return scenario


SETTINGS = (
    ("memory",),
    ("prefetch", "prefetch_parameters"),
    ("retain", "retain_parameters"),
    ("evict", "evict_parameters"),
    ("eviction",),
    ("admit", "admit_parameters"),
    ("preempt",),
    ("schedule",),
    ("rule",),
    ("rule_seed",),
    ("capacity_limit",),
    ("warmup_programs",),
    ("frontend_s",),
    ("view_delay_s",),
)
"""Fields of a scenario that go back to their defaults together."""


def plain_setting(scenario: Scenario, place: int) -> Scenario:
    usual = {field.name: default(field) for field in fields(scenario)}
    plain = {name: usual[name] for name in SETTINGS[place]}
    if all(getattr(scenario, name) == value for name, value in plain.items()):
        return scenario
    return replace(scenario, **plain)


def plainer_memory(scenario: Scenario, place: int) -> Scenario:
    """Links between instances away, or a tier, or what is special about them."""
    memory = scenario.memory
    if memory is None:
        return scenario
    edits = [{"tiers": memory.tiers[:i] + memory.tiers[i + 1 :]} for i in range(len(memory.tiers))]
    edits += [{"tiers": tuple(replace(tier, watermark=1.0, batch_share=0.0) for tier in memory.tiers)}]
    edits += [{"peer": None}, {"transfers": "overlap"}, {"write_policy": "none"}, {"staging_blocks": 0}]
    plainer = replace(memory, **edits[place]) if place < len(edits) else memory
    if plainer == memory:
        return scenario
    return replace(scenario, memory=plainer if plainer.tiers or plainer.peer else None)


def plain_instance(scenario: Scenario, place: int) -> Scenario:
    """One instance `mixed`, no iteration ahead, always up, or with iterations that all take as long."""
    number, kind = divmod(place, 4)
    spec = scenario.specs[number]
    plain = (
        replace(spec, mode="mixed"),
        replace(spec, async_scheduling=False),
        replace(spec, start_s=0.0),
        replace(spec, profile=constant_profile(overhead_s=2.0**-6)),
    )[kind]
    if plain == spec:
        return scenario
    return replace(scenario, specs=both_pools([*scenario.specs[:number], plain, *scenario.specs[number + 1 :]]))


def of_programs(count: Callable[[Programs], int], edit: Callable[[Programs, int], Programs]) -> Pass:
    """A pass that changes the workload only."""

    def changed(scenario: Scenario, place: int) -> Scenario:
        programs = edit(scenario.programs, place)
        return scenario if programs is scenario.programs else replace(scenario, programs=programs)

    return Pass(lambda scenario: count(scenario.programs), changed)


def n_turns(programs: Programs) -> int:
    return len(programs.turn)


PASSES = (
    of_programs(lambda programs: len(programs.program), without_program),
    Pass(lambda scenario: len(SETTINGS), plain_setting),
    Pass(lambda scenario: len(scenario.specs), without_instance),
    Pass(lambda scenario: 7, plainer_memory),
    Pass(lambda scenario: sum(len(spec.failures) for spec in scenario.specs), without_outages),
    Pass(lambda scenario: 4 * len(scenario.specs), plain_instance),
    of_programs(n_turns, without_turn),
    of_programs(lambda programs: len(programs.edge), without_edge),
    of_programs(lambda programs: len(programs.tools), plainer_tool),
    of_programs(n_turns, shorter_output),
    of_programs(n_turns, shorter_prompt),
    of_programs(lambda programs: len(programs.edge), shorter_gap),
    of_programs(lambda programs: len(programs.program), earlier),
    of_programs(lambda programs: len(programs.segment), without_segment),
)
