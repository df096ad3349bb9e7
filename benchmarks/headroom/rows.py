"""What a scenario has to gain, kind by kind and jointly."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agentsim_env import Scenario, Simulator, load_scenario
from agentsim_env.load import with_rate
from agentsim_env.training.search.combination import Combination
from agentsim_env.training.search.episodes import Episodes
from agentsim_env.training.search.halving import Search
from agentsim_env.training.search.proposals import open_kinds

JOINTLY = "all kinds"


class Side(NamedTuple):
    """Rules with what they cost on held-out seeds."""

    combination: Combination
    cost_s: float


class Row(NamedTuple):
    """A kind of decision in a scenario, or all of them.

    Attributes:
        kind: The kind; `JOINTLY` for all.
        rule: The best rule with its defaults, stock rules beside it.
        tuned: The best that the search found: a rule with its parameters, or a combination.
    """

    kind: str
    rule: Side
    tuned: Side


class Headroom(NamedTuple):
    """A scenario.

    Attributes:
        scenario: Its name.
        stock_s: Cost by stock rules.
        rows: Its kinds, then all of them.
        bound_s: Cost below which no schedule can be: every turn on the instance that is fastest for it, alone.
        episodes: How many were played.
    """

    scenario: str
    stock_s: float
    rows: list[Row]
    bound_s: float
    episodes: int


def headroom(name: str, seeds: Sequence[int], budget: int) -> Headroom:
    """Search a scenario: half of the budget for all kinds jointly, the other half for each kind by itself."""
    scenario = with_rate(load_scenario(name))
    episodes = Episodes(scenario)
    kinds = open_kinds(Simulator(scenario))
    rows = [_row(episodes, (kind,), seeds, budget // (2 * len(kinds)), kind) for kind in kinds]
    rows.append(_row(episodes, kinds, seeds, budget // 2, JOINTLY))
    stock_s = _cost_s(episodes, Combination(), seeds)
    return Headroom(name, stock_s, rows, bound_s(scenario, seeds), len(episodes))


def _row(episodes: Episodes, kinds: Sequence[str], seeds: Sequence[int], budget: int, label: str) -> Row:
    found = Search(episodes, kinds, budget).run()
    rules = sorted(found.rule.values(), key=lambda one: (-one.episodes, one.cost_s))
    rule = rules[0].combination if rules else Combination()
    sides = [Side(one, _cost_s(episodes, one, seeds)) for one in (rule, found.best.combination)]
    return Row(label, *sides)


def _cost_s(episodes: Episodes, combination: Combination, seeds: Sequence[int]) -> float:
    episodes.play([(combination, seed) for seed in seeds])
    played = [episodes.played(combination, seed) for seed in seeds]
    return float(np.mean([one.cost_s for one in played if one is not None]))


def bound_s(scenario: Scenario, seeds: Sequence[int]) -> float:
    """Mean time in the system that no schedule can be below: ideal JCT without the time in tools."""
    simulator = Simulator(scenario)
    least = []
    for seed in seeds:
        simulator.reset(seed)
        simulator.run()
        programs = simulator.records().counted_programs
        least.append(np.nanmean(programs["ideal_s"] - programs["gap_s"]))
    return float(np.mean(least))
