"""Rules that answer `evict_kv`: which idle record of a pool gives up blocks when they are needed.

A rule gets the number of a pool that has idle records and returns one of them that has no resident children
(`state.resident[r].children == 0`): a child goes before its parent. It may look at the idle records of that pool, from
`state.pool[pool].oldest` along `newer`, and at nothing that grows with the number of programs. Those whose pin has
expired go first, without asking. One function and one row each.
"""

from agentsim_env.engine.rules.evict.recency import lfu, lru
from agentsim_env.engine.rules.table import Rule, dispatcher

EVICT_RULES: dict[str, Rule] = {
    "lru": Rule(lru),
    "lfu": Rule(lfu),
}

LRU = list(EVICT_RULES).index("lru")
"""The engine takes the head of the idle list without calling a rule."""

victim_record = dispatcher("evict_kv", EVICT_RULES, __file__)
