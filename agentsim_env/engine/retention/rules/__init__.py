"""Rules that answer `retain_kv`: what becomes of the KV of a turn that has ended and whose program goes on.

A rule gets the number of the turn and returns LEAVE, DROP, TO_DRAM, TO_CXL, or a pin: `pin_for(state, seconds)`. One
function and one row each. A rule with a parameter `firm` that is not 0 has pins that give way to running turns only.
What a pin has kept goes before all else when the pin has expired, unless the rule has an `expired_first` of 0.
"""

from agentsim_env.engine.core.rule import Rule, dispatcher
from agentsim_env.engine.retention.rules.by_tool import gate, saga_ttl, tool_ttl
from agentsim_env.engine.retention.rules.continuum import continuum, continuum_released
from agentsim_env.engine.retention.rules.offload import pensieve, tokencake
from agentsim_env.engine.retention.rules.oracle import oracle_gap
from agentsim_env.engine.retention.rules.plain import evict_always, leave, swap, ttl
from agentsim_env.engine.retention.rules.waste import infercept

RETAIN_RULES: dict[str, Rule] = {
    "leave": Rule(leave),
    "evict_always": Rule(evict_always, shown_by=("dropped_blocks",)),
    "swap": Rule(swap, shown_by=("demoted_blocks",)),
    "ttl": Rule(ttl, {"firm": 0.0, "expired_first": 1.0}, shown_by=("pins_made",)),
    "continuum": Rule(continuum, {"firm": 1.0, "expired_first": 0.0}),
    "continuum_released": Rule(continuum_released, {"firm": 1.0, "expired_first": 0.0}),
    "saga_ttl": Rule(saga_ttl, {"firm": 0.0, "expired_first": 0.0}),
    "tool_ttl": Rule(tool_ttl, {"firm": 0.0, "expired_first": 0.0}),
    "gate": Rule(gate, {"firm": 0.0, "expired_first": 1.0}),
    "infercept": Rule(infercept, {"firm": 1.0, "expired_first": 1.0, "period_s": 0.1}, asked_again=True),
    "tokencake": Rule(tokencake, shown_by=("demoted_blocks",)),
    "pensieve": Rule(pensieve, shown_by=("demoted_blocks",)),
    "oracle_gap": Rule(oracle_gap, {"firm": 0.0, "expired_first": 1.0}, oracle=True),
}

retain = dispatcher("retain_kv", RETAIN_RULES, __file__)
