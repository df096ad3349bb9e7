"""The search for a combination of rules, on costs that are made up."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from agentsim_env.engine.tables import TABLES
from agentsim_env.scenario.bundle import STOCK, rules_of
from agentsim_env.scenario.rules import KINDS, PARAMETER_RANGE, PARAMETER_RANGES, Rules
from agentsim_env.scenario.searched import SEARCHED, searched
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.search.combination import Answer, Combination, combined, of_rules
from agentsim_env.training.search.episodes import Played, Task
from agentsim_env.training.search.halving import RUNGS, Found, Search
from agentsim_env.training.search.proposals import Proposals, rules_of_kind

SEARCHED_KINDS = ("schedule_turn", "retain_kv", "evict_kv")
PARAMETERS = [
    (kind, rule, name, default)
    for kind, table in TABLES.items()
    for rule, row in table.items()
    if not row.oracle
    for name, default in row.parameters.items()
]


class Sheet:
    """Episodes whose costs a function makes up."""

    def __init__(self, cost: Callable[[Combination], float]) -> None:
        self.cost = cost
        self.tasks: list[Task] = []

    def play(self, tasks: Iterable[Task]) -> None:
        self.tasks += tasks

    def played(self, combination: Combination, seed: int) -> Played:
        assert (combination, seed) in self.tasks, "looked at and not played"
        return Played(self.cost(combination) + seed % 7)


def planted(combination: Combination) -> float:
    """Two rules and a parameter that pay together, and a rule that cannot be."""
    if combination.answer("evict_kv").rule == "pensieve":
        return np.inf
    good = combination.answer("schedule_turn").rule == "least_uncached"
    retention = combination.answer("retain_kv")
    pinned = retention.rule == "ttl"
    far = abs(np.log(dict(retention.params).get("tau_s", 2.0) / 20.0)) if pinned else 3.0
    return 100.0 - 30.0 * good - 20.0 * pinned - (10.0 * (3.0 - far) if good and pinned else 0.0)


def search(cost: Callable[[Combination], float], budget: int, seed: int = 0) -> tuple[Found, Sheet]:
    sheet = Sheet(cost)
    return Search(sheet, SEARCHED_KINDS, budget, seed).run(), sheet  # type: ignore[arg-type]


def test_what_is_planted_is_found() -> None:
    found, _ = search(planted, 1500)
    assert found.best.combination.answer("schedule_turn") == Answer("least_uncached")
    retention = found.best.combination.answer("retain_kv")
    assert retention.rule == "ttl"
    assert dict(retention.params)["tau_s"] == pytest.approx(20.0, rel=0.3)
    assert found.single["schedule_turn"].combination == Combination((("schedule_turn", Answer("least_uncached")),))
    assert found.best.episodes == RUNGS[-1]
    assert found.best.cost_s < found.single["schedule_turn"].cost_s


def test_what_has_no_effect_is_not_in_it() -> None:
    found, _ = search(lambda combination: float(combination.answer("retain_kv").rule != "infercept"), 800)
    assert [kind for kind, _ in found.best.combination.answers] == ["retain_kv"]


def test_the_budget_is_kept_and_no_episode_is_played_twice() -> None:
    found, sheet = search(planted, 300)
    assert len(sheet.tasks) == len(set(sheet.tasks)) == found.episodes <= 300
    assert min(seed for _, seed in sheet.tasks) >= 1_000_000, "training seeds only"


def test_the_same_search_comes_to_the_same_and_a_longer_one_begins_alike() -> None:
    (found, sheet), (again, _), (_, longer) = search(planted, 500), search(planted, 500), search(planted, 900)
    assert found == again
    same = longer.tasks[: len(sheet.tasks) - RUNGS[-1]]
    assert same == sheet.tasks[: len(same)]
    assert search(planted, 900, seed=1)[1].tasks != longer.tasks


def test_a_budget_for_nothing_is_refused() -> None:
    with pytest.raises(TrainingError, match="the budget must be at least 4 episodes, not 3"):
        search(planted, 3)


def test_proposals_are_rules_that_can_be() -> None:
    standing = {kind: rules_of_kind(kind) for kind in KINDS}
    proposals = Proposals(KINDS, standing, np.random.default_rng(0))
    made = Combination()
    for _ in range(300):
        made = proposals.mutation(made)
        assert of_rules(Rules.model_validate(made.as_rules())) == made
        crossed = proposals.crossing()
        assert of_rules(Rules.model_validate(crossed.as_rules())) == crossed


@pytest.mark.parametrize(("kind", "rule", "name", "default"), PARAMETERS)
def test_the_range_of_a_parameter_holds_its_default(kind: str, rule: str, name: str, default: float) -> None:
    values = searched(name, default)
    least, most, _ = PARAMETER_RANGES.get(name, PARAMETER_RANGE)
    if values is not None:
        assert least <= values.low < values.high <= most
        assert values.low <= default <= values.high, f"{kind} {rule}"


def test_every_row_is_a_parameter_that_there_is() -> None:
    assert set(SEARCHED) <= {name for _, _, name, _ in PARAMETERS}


def test_a_combination_is_what_a_bundle_says() -> None:
    assert of_rules(rules_of(STOCK)) == Combination()
    made = combined(
        {"schedule_turn": Answer("plas"), "retain_kv": Answer("ttl", (("tau_s", 5.0),)), "evict_kv": Answer("lru")}
    )
    expected: dict[str, Any] = {
        "schedule_turn": "plas",
        "retain_kv": "ttl",
        "rule_params": {"retain_kv": {"tau_s": 5.0}},
    }
    assert made.as_data() == expected
    assert made.describe() == "schedule_turn=plas, retain_kv=ttl(tau_s=5)"
