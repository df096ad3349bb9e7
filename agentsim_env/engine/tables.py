"""The rules of every kind of decision, found from the rows of the kinds."""

from pkgutil import resolve_name

from agentsim_env.engine.core.decisions import DECISIONS
from agentsim_env.engine.core.rule import Rule

TABLES: dict[str, dict[str, Rule]] = {kind: resolve_name(row.rules) for kind, row in DECISIONS.items()}
"""The rules of each decision kind by name."""

RULES: dict[str, tuple[str, ...]] = {kind: tuple(table) for kind, table in TABLES.items()}
"""Names of the rules of each decision kind."""

RULE_PARAMS: dict[str, dict[str, dict[str, float]]] = {
    kind: {name: row.parameters for name, row in table.items()} for kind, table in TABLES.items()
}
"""Parameters of each rule with their defaults."""


def shown_by(kind: str, rule: str) -> tuple[str, ...]:
    """Counters of which one at least is above 0 if the rule's mechanism has fired; none for a rule without one.

    A run in which none of them has moved is a run without the rule: its report says so.
    """
    if rule == DECISIONS[kind].default:
        return ()
    return TABLES[kind][rule].shown_by or DECISIONS[kind].shown_by
