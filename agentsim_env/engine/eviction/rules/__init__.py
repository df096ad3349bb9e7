"""Rules that answer `evict_kv`: which idle record of a pool gives up blocks when they are needed.

A rule gets the number of a pool that has idle records and returns one of them that has no resident children
(`state.resident[r].children == 0`): a child goes before its parent. It may look at the idle records of that pool, from
`state.pool[pool].oldest` along `newer`, and at nothing that grows with the number of programs. Those that a rule has
given up go first, without asking. One function and one row each.
"""

from agentsim_env.engine.core.rule import Rule, dispatcher
from agentsim_env.engine.eviction.rules.cost import marconi, pensieve
from agentsim_env.engine.eviction.rules.oracle import oracle_belady
from agentsim_env.engine.eviction.rules.queue import cached_attention, continuum_order
from agentsim_env.engine.eviction.rules.recency import fifo, largest, lfu, lru, tlru
from agentsim_env.engine.eviction.rules.saga import saga_wa_lru

EVICT_RULES: dict[str, Rule] = {
    "lru": Rule(lru),
    "tlru": Rule(tlru),
    "lfu": Rule(lfu),
    "fifo": Rule(fifo),
    "largest": Rule(largest),
    "saga_wa_lru": Rule(saga_wa_lru),
    "pensieve": Rule(pensieve),
    "marconi": Rule(marconi),
    "cached_attention": Rule(cached_attention),
    "continuum_order": Rule(continuum_order),
    "oracle_belady": Rule(oracle_belady, oracle=True, needs_future=True),
}

LRU = list(EVICT_RULES).index("lru")
"""The engine takes the head of the idle list without calling a rule."""

victim_record = dispatcher("evict_kv", EVICT_RULES, __file__)
