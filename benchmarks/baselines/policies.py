"""The policies that are compared: every bundle, and stock with one rule replaced, by each other rule there is."""

from typing import NamedTuple

from agentsim_env.engine.core.decisions import DECISIONS
from agentsim_env.engine.tables import TABLES
from agentsim_env.scenario import Scenario, bundles, load_scenario
from agentsim_env.scenario.bundle import STOCK, bundle_of

KINDS = tuple(kind for kind in DECISIONS if kind != "route_turn")
"""Kinds whose rules are policies by themselves. Routers have a page of their own."""


class Policy(NamedTuple):
    """A policy.

    Attributes:
        name: The bundle, or the kind and the rule.
        kind: `bundle`, or the kind of decision in which it differs from stock.
        bundle: Bundle that it begins with.
        rules: Rules that replace those of the bundle.
        oracle: It sees the future.
    """

    name: str
    kind: str
    bundle: str
    rules: dict[str, str]
    oracle: bool

    def apply(self, scenario: Scenario) -> Scenario:
        """The scenario under this policy."""
        changes = {"rules.bundle": self.bundle} | {f"rules.{kind}": rule for kind, rule in self.rules.items()}
        return load_scenario(scenario, changes)


def policies() -> list[Policy]:
    """All policies, stock first."""
    listed = [STOCK, *(name for name in bundles() if name != STOCK)]
    found = [Policy(name, "bundle", name, {}, False) for name in listed]
    stock = load_scenario("coding_agents", {"rules.bundle": STOCK}).rules
    for kind in KINDS:
        for rule, row in TABLES[kind].items():
            single = stock.model_copy(update={kind: rule})
            # What a bundle has already, stock among them, is not run twice.
            if bundle_of(single) is None:
                found.append(Policy(f"{kind}: {rule}", kind, STOCK, {kind: rule}, row.oracle))
    return found
