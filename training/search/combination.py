"""A combination of rules: one for each kind of decision, with parameters."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from agentsim_env.scenario.bundle import STOCK, rules_of
from agentsim_env.scenario.rules import KINDS, Rules


class Answer(NamedTuple):
    """What answers a kind of decision.

    Attributes:
        rule: A rule.
        params: Those of its parameters that have not their defaults, by name, sorted.
    """

    rule: str
    params: tuple[tuple[str, float], ...] = ()


class Combination(NamedTuple):
    """Answers by kind of decision, in the order of `KINDS`; a kind that is not named is answered as in stock rules."""

    answers: tuple[tuple[str, Answer], ...] = ()

    def answer(self, kind: str) -> Answer:
        """What answers a kind."""
        return dict(self.answers).get(kind, stock_answer(kind))

    def with_answer(self, kind: str, answer: Answer) -> "Combination":
        """The same with another answer for a kind."""
        return combined({**dict(self.answers), kind: answer})

    def as_data(self) -> dict[str, Any]:
        """As the `rules` of a bundle."""
        params = {kind: dict(answer.params) for kind, answer in self.answers if answer.params}
        return {kind: answer.rule for kind, answer in self.answers} | ({"rule_params": params} if params else {})

    def as_rules(self) -> dict[str, Any]:
        """As the `rules` of a scenario, with every kind."""
        named = {kind: self.answer(kind) for kind in KINDS}
        params = {kind: dict(answer.params) for kind, answer in named.items()}
        return {kind: answer.rule for kind, answer in named.items()} | {"rule_params": params}

    def describe(self) -> str:
        """In a line."""
        return ", ".join(f"{kind}={_shown(answer)}" for kind, answer in self.answers) or "stock"


def combined(answers: Mapping[str, Answer]) -> Combination:
    """A combination from answers; those that are as in stock rules are not named."""
    kept = {kind: answer for kind, answer in answers.items() if answer != stock_answer(kind)}
    return Combination(tuple((kind, kept[kind]) for kind in KINDS if kind in kept))


def of_rules(rules: Rules) -> Combination:
    """The combination that a scenario or a bundle has."""
    return combined({kind: Answer(getattr(rules, kind), _sorted(rules.rule_params.get(kind, {}))) for kind in KINDS})


@cache
def stock_answer(kind: str) -> Answer:
    """What answers a kind in stock rules."""
    rules = rules_of(STOCK)
    return Answer(getattr(rules, kind), _sorted(rules.rule_params.get(kind, {})))


def _sorted(params: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(params.items()))


def _shown(answer: Answer) -> str:
    values = ", ".join(f"{name}={value:g}" for name, value in answer.params)
    return f"{answer.rule}({values})" if values else answer.rule


def unique(combinations: Iterable[Combination]) -> list[Combination]:
    """Each once, in order."""
    return list(dict.fromkeys(combinations))
