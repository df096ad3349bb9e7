"""Where new combinations come from: rules by themselves, published bundles, crossings and mutations."""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import combinations

import numpy as np

from agentsim_env.engine.core.decisions import DECISIONS
from agentsim_env.engine.tables import RULE_PARAMS, TABLES
from agentsim_env.scenario import bundles
from agentsim_env.scenario.bundle import rules_of
from agentsim_env.scenario.searched import Searched, searched
from agentsim_env.simulator import Simulator
from agentsim_env.training.search.combination import Answer, Combination, combined, of_rules, stock_answer, unique

_SPREAD = 0.25
"""How far a mutation moves a parameter, as a share of its range (standard deviation)."""

_BACK = 0.2
"""Chance that a mutation takes an answer back: what has no effect goes."""

_DIGITS = 3


def open_kinds(simulator: Simulator) -> tuple[str, ...]:
    """Kinds of decision with more than one answer in a scenario."""
    cluster, blueprint = simulator.scenario.cluster, simulator.blueprint
    has_tiers = bool(cluster.tiers)
    return tuple(
        kind
        for kind, row in DECISIONS.items()
        if row.answers(blueprint) > 1
        and (kind != "prefetch_kv" or has_tiers)
        and (kind != "set_prefill_budget" or blueprint.slots > 1)
    )


def rules_of_kind(kind: str) -> list[str]:
    """Rules that may be found: those that see the future are not among them."""
    return [name for name, row in TABLES[kind].items() if not row.oracle]


def singles(kinds: Sequence[str]) -> list[Combination]:
    """Stock rules, and each rule of each kind with its defaults beside stock rules for all others."""
    alone = [Combination().with_answer(kind, Answer(rule)) for kind in kinds for rule in rules_of_kind(kind)]
    return unique([Combination(), *alone])


def pairs(good: Sequence[tuple[str, str]]) -> list[Combination]:
    """Two rules at a time, of different kinds: what is good by itself may be better together.

    Args:
        good: Kinds and rules of them.
    """
    found = [((kind, rule), (other, more)) for (kind, rule), (other, more) in combinations(good, 2) if kind != other]
    return [combined({kind: Answer(rule) for kind, rule in pair}) for pair in found]


def published(kinds: Sequence[str]) -> list[Combination]:
    """The bundles, as far as they answer these kinds."""
    found = [of_rules(rules_of(name)) for name in bundles()]
    return unique(Combination(tuple(row for row in one.answers if row[0] in kinds)) for one in found)


class Proposals:
    """Draws new combinations.

    Args:
        kinds: Kinds that may be answered otherwise than in stock rules.
        standing: Rules of each kind, the best first.
        rng: Random numbers.
    """

    def __init__(self, kinds: Sequence[str], standing: Mapping[str, Sequence[str]], rng: np.random.Generator) -> None:
        self._kinds = kinds
        self._standing = standing
        self._rng = rng

    def crossing(self) -> Combination:
        """A rule for each kind; those that are good by themselves are drawn more often."""
        made = Combination()
        for kind in self._kinds:
            made = made.with_answer(kind, self._answer(kind))
        return made

    def mutation(self, parent: Combination) -> Combination:
        """A combination with one kind answered by another rule, by the same with other parameters, or as in stock."""
        kind = str(self._rng.choice(self._kinds))
        answer = parent.answer(kind)
        if self._rng.random() < _BACK and answer != stock_answer(kind):
            return parent.with_answer(kind, stock_answer(kind))
        tunable = _tunable(kind, answer.rule)
        if tunable and self._rng.random() < 0.5:
            return parent.with_answer(kind, self._moved(kind, answer, tunable))
        return parent.with_answer(kind, self._answer(kind))

    def _answer(self, kind: str) -> Answer:
        rules = self._standing[kind]
        weights = 1.0 / (1.0 + np.arange(len(rules)))
        rule = str(self._rng.choice(rules, p=weights / weights.sum()))
        tunable = _tunable(kind, rule)
        if not tunable or self._rng.random() < 0.5:
            return Answer(rule)
        return self._moved(kind, Answer(rule), tunable)

    def _moved(self, kind: str, answer: Answer, tunable: Mapping[str, Searched]) -> Answer:
        """The same rule, with each parameter moved with a chance of a half, one at least."""
        defaults = _defaults(kind, answer.rule)
        values = {**defaults, **dict(answer.params)}
        moved = [name for name in tunable if self._rng.random() < 0.5]
        for name in moved or [str(self._rng.choice(list(tunable)))]:
            values[name] = _near(values[name], tunable[name], self._rng)
        return Answer(answer.rule, tuple(sorted((k, v) for k, v in values.items() if v != defaults[k])))


def _defaults(kind: str, rule: str) -> Mapping[str, float]:
    return RULE_PARAMS[kind][rule]


@cache
def _tunable(kind: str, rule: str) -> Mapping[str, Searched]:
    found = {name: searched(name, default) for name, default in _defaults(kind, rule).items()}
    return {name: values for name, values in found.items() if values is not None}


def _near(value: float, values: Searched, rng: np.random.Generator) -> float:
    """A value near another one, within its range."""
    low, high, now = values.low, values.high, min(max(value, values.low), values.high)
    if values.is_whole and not values.is_ratio:
        return float(rng.integers(int(low), int(high) + 1))
    if values.is_ratio:
        low, high, now = np.log(low), np.log(high), np.log(now)
    moved = float(np.clip(now + _SPREAD * (high - low) * rng.standard_normal(), low, high))
    moved = float(np.exp(moved)) if values.is_ratio else moved
    moved = round(moved) if values.is_whole else float(f"{moved:.{_DIGITS}g}")
    return float(min(max(moved, values.low), values.high))
