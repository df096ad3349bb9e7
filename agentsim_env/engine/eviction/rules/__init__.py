"""Rules that answer `evict_kv`: which idle record of a pool gives up blocks when they are needed.

A rule gets the number of a pool that has idle records and returns one of them that has no resident children
(`state.resident[r].children == 0`): a child goes before its parent. It may look at the idle records of that pool, from
`state.pool[pool].oldest` along `newer`, and at nothing that grows with the number of programs. Those that a rule has
given up go first, without asking. One function and one row each.
"""

from agentsim_env.engine.core.rule import Rule, dispatcher
from agentsim_env.engine.eviction.rules.cost import marconi, pensieve
from agentsim_env.engine.eviction.rules.distance import kvflow, scalesim
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
    "scalesim": Rule(scalesim, needs_owners=True),
    "kvflow": Rule(kvflow, needs_owners=True),
    "oracle_belady": Rule(oracle_belady, oracle=True, needs_future=True, needs_owners=True),
}

_NAMED = ("lru", "scalesim", "kvflow", "oracle_belady")
LRU, SCALESIM, KVFLOW, BELADY = (list(EVICT_RULES).index(rule) for rule in _NAMED)
"""Under LRU the engine takes the head of the idle list without calling a rule; the others order adapters, too."""

victim_record = dispatcher("evict_kv", EVICT_RULES, __file__)
