"""Rules that answer `retain_kv`: what becomes of the KV of a turn that has ended and whose program goes on.

A rule gets the number of the turn and returns LEAVE, DROP, TO_DRAM, TO_CXL, or a pin: `pin_for(state, seconds)`. One
function and one row each. A rule with a parameter `firm` that is not 0 has pins that give way to running turns only.
"""

from agentsim_env.engine.rules.retain.plain import evict_always, leave, swap, ttl
from agentsim_env.engine.rules.table import Rule, dispatcher

RETAIN_RULES: dict[str, Rule] = {
    "leave": Rule(leave),
    "evict_always": Rule(evict_always),
    "swap": Rule(swap),
    "ttl": Rule(ttl, {"tau_s": 2.0, "firm": 0.0}),
}

retain = dispatcher("retain_kv", RETAIN_RULES, __file__)
