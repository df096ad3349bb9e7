"""Successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943) over combinations of rules, in rounds.

At first each rule plays by itself, and each published bundle; then the best rules in pairs. Then in every round new
combinations are drawn, from the rules that are good by themselves and from the best combinations so far. Of all that
begin with two episodes, the best third plays six, the best third of those eighteen. All play the same training seeds,
so that a hard seed is hard for all.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from agentsim_env.training.errors import TrainingError
from agentsim_env.training.search.combination import Answer, Combination, unique
from agentsim_env.training.search.episodes import Episodes, Task
from agentsim_env.training.search.proposals import Proposals, pairs, published, rules_of_kind, singles
from agentsim_env.training.splits import TRAINING

RUNGS = (2, 6, 18)
"""Episodes that a combination has played after each rung of a round."""

KEPT = 3
"""One of so many goes on to the next rung."""

NEW = 27
"""Combinations that a round begins with."""

PAIRED = 12
"""Rules that are tried in pairs: the best by themselves, of whatever kinds."""

ELITE = 5
"""Combinations that new ones are mutations of."""


class Standing(NamedTuple):
    """A combination with what it costs.

    Attributes:
        combination: The combination.
        cost_s: Mean cost over its episodes.
        episodes: How many it has played.
    """

    combination: Combination
    cost_s: float
    episodes: int


class Found(NamedTuple):
    """What a search has come to.

    Attributes:
        best: The best combination of those that have played most.
        single: The best one that differs from stock rules in one kind, by kind.
        rule: The best of these with the defaults of its rule, or stock rules themselves.
        bundle: The best published bundle, if one was played.
        episodes: Episodes that were counted against the budget.
    """

    best: Standing
    single: dict[str, Standing]
    rule: dict[str, Standing]
    bundle: Standing | None
    episodes: int


class Search:
    """A search; the same arguments and seed lead to the same result, wherever it was stopped in between.

    Args:
        episodes: Plays.
        kinds: Kinds that may be answered otherwise than in stock rules.
        budget: Episodes.
        seed: Of what is drawn.
        tell: Is told the best after every rung.
    """

    def __init__(
        self,
        episodes: Episodes,
        kinds: Sequence[str],
        budget: int,
        seed: int = 0,
        tell: Callable[[int, Standing], None] | None = None,
    ) -> None:
        least = RUNGS[0] * 2
        if budget < least:
            raise TrainingError(f"the budget must be at least {least} episodes, not {budget}")
        self._episodes, self._kinds, self._budget = episodes, tuple(kinds), budget
        self._rng = np.random.default_rng(seed)
        self._seeds = TRAINING.first(RUNGS[-1])
        self._count: dict[Combination, int] = {}
        self._costs: dict[tuple[Combination, int], float] = {}
        self._spent = 0
        self._tell = tell

    def run(self) -> Found:
        """Searches until the budget is spent."""
        alone, bundles = singles(self._kinds), published(self._kinds)
        self._halve(unique([*alone, *bundles]), RUNGS)
        ranked = {kind: self._ranked(kind) for kind in self._kinds}
        good = sorted(
            ((kind, rule) for kind in self._kinds for rule in ranked[kind]), key=lambda row: self._alone(*row)
        )
        self._halve([pair for pair in pairs(self._better(good)) if pair not in self._count], RUNGS)
        proposals = Proposals(self._kinds, ranked, self._rng)
        while self._left() >= RUNGS[0]:
            spent = self._spent
            self._halve(self._drawn(proposals), RUNGS)
            if self._spent == spent:  # nothing new is left to be drawn
                break
        standings = self._standings()
        of_bundles = [standing for standing in standings if standing.combination in bundles]
        return Found(
            best=standings[0],
            single=_best_of_kinds(standings),
            rule=_best_of_kinds([one for one in standings if one.combination in alone]),
            bundle=of_bundles[0] if of_bundles else None,
            episodes=self._spent,
        )

    def _better(self, good: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """The rules that are better by themselves than stock rules, as many as are tried in pairs."""
        stock = self._cost(Combination(), RUNGS[0])
        return [row for row in good if self._alone(*row) < stock][:PAIRED]

    def _left(self) -> int:
        return self._budget - self._spent

    def _drawn(self, proposals: Proposals) -> list[Combination]:
        """New combinations, a third of them crossings."""
        elite = [standing.combination for standing in self._standings()[:ELITE]]
        drawn: dict[Combination, None] = {}
        for number in range(20 * NEW):
            if len(drawn) == NEW:
                break
            parent = elite[number % len(elite)]
            made = proposals.crossing() if number % KEPT == 0 else proposals.mutation(parent)
            if made not in self._count:
                drawn[made] = None
        return list(drawn)

    def _halve(self, combinations: Sequence[Combination], rungs: Sequence[int]) -> None:
        """Plays the rungs of a round as far as the budget goes."""
        left = list(combinations)
        for rung in rungs:
            if not left:
                return
            done = self._play(left, rung)
            if self._tell is not None:
                self._tell(self._spent, self._standings()[0])
            left = self._best_of(done)

    def _play(self, combinations: Sequence[Combination], rung: int) -> list[Combination]:
        """Has combinations play up to a number of episodes; those for which the budget was enough."""
        done: list[Combination] = []
        tasks: list[Task] = []
        for combination in combinations:
            before = self._count.get(combination, 0)
            if rung - before > self._left():
                continue
            tasks += [(combination, seed) for seed in self._seeds[before:rung]]
            self._spent += max(0, rung - before)
            self._count[combination] = max(rung, before)
            done.append(combination)
        self._episodes.play(tasks)
        return done

    def _best_of(self, combinations: Sequence[Combination]) -> list[Combination]:
        """The part that goes on, the best first; what cannot be played does not."""
        finite = [one for one in combinations if math.isfinite(self._cost(one))]
        return sorted(finite, key=self._cost)[: math.ceil(len(combinations) / KEPT)]

    def _cost(self, combination: Combination, episodes: int | None = None) -> float:
        """Mean cost over the first episodes, by default over all that it has played."""
        key = combination, self._count[combination] if episodes is None else episodes
        if key not in self._costs:
            played = [self._episodes.played(combination, seed) for seed in self._seeds[: key[1]]]
            self._costs[key] = float(np.mean([math.inf if one is None else one.cost_s for one in played]))
        return self._costs[key]

    def _standings(self) -> list[Standing]:
        """All combinations, those that have played most first, of them the cheapest, of equal ones the shortest."""
        found = [Standing(one, self._cost(one), count) for one, count in self._count.items()]
        return sorted(found, key=lambda one: (-one.episodes, one.cost_s, len(one.combination.answers)))

    def _ranked(self, kind: str) -> list[str]:
        """Rules of a kind by what they cost beside stock rules for all others, on the first rung."""
        costs = {rule: self._alone(kind, rule) for rule in rules_of_kind(kind)}
        possible = [rule for rule, cost in costs.items() if math.isfinite(cost)]
        return sorted(possible or costs, key=lambda rule: costs[rule])

    def _alone(self, kind: str, rule: str) -> float:
        combination = Combination().with_answer(kind, Answer(rule))
        return self._cost(combination, RUNGS[0]) if combination in self._count else math.inf


def _best_of_kinds(standings: Sequence[Standing]) -> dict[str, Standing]:
    """The first of those that differ from stock rules in one kind, by kind."""
    found: dict[str, Standing] = {}
    for standing in standings:
        kinds = [kind for kind, _ in standing.combination.answers]
        if len(kinds) == 1:
            found.setdefault(kinds[0], standing)
    return found
