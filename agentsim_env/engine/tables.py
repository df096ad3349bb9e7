"""The tables of all rules, by kind of decision."""

from agentsim_env.engine.admission.rules import ADMIT_RULES
from agentsim_env.engine.core.rule import Rule
from agentsim_env.engine.eviction.rules import EVICT_RULES
from agentsim_env.engine.loads.rules import PREFETCH_RULES
from agentsim_env.engine.retention.rules import RETAIN_RULES
from agentsim_env.engine.routing.rules import ROUTE_RULES
from agentsim_env.engine.scheduling.preempt import PREEMPT_RULES
from agentsim_env.engine.scheduling.rules import SCHEDULE_RULES

TABLES: dict[str, dict[str, Rule]] = {
    "admit_program": ADMIT_RULES,
    "route_turn": ROUTE_RULES,
    "schedule_turn": SCHEDULE_RULES,
    "retain_kv": RETAIN_RULES,
    "evict_kv": EVICT_RULES,
    "preempt_turn": PREEMPT_RULES,
    "prefetch_kv": PREFETCH_RULES,
}
"""The rules of each decision kind that has more than one."""

RULES: dict[str, tuple[str, ...]] = {
    "admit_program": tuple(ADMIT_RULES),
    "route_turn": tuple(ROUTE_RULES),
    "schedule_turn": tuple(SCHEDULE_RULES),
    "retain_kv": tuple(RETAIN_RULES),
    "evict_kv": tuple(EVICT_RULES),
    "preempt_turn": tuple(PREEMPT_RULES),
    "prefetch_kv": tuple(PREFETCH_RULES),
    "set_prefill_budget": ("static",),
}
"""Names of the rules of each decision kind."""

RULE_PARAMS: dict[str, dict[str, dict[str, float]]] = {
    kind: {name: dict(TABLES[kind][name].parameters) if kind in TABLES else {} for name in names}
    for kind, names in RULES.items()
}
"""Parameters of each rule with their defaults."""
