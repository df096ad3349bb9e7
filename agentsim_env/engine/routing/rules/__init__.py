"""Rules that answer `route_turn`: an instance for a ready turn. One function and one row each; see docs/routers.md.

A rule sees `state.allowed` (at least two instances are), the turn's slot `s`, and the cluster through
`engine/batch/look.py`.
"""

from agentsim_env.engine.core.rule import Memory, Rule, dispatcher, memory_dispatchers
from agentsim_env.engine.routing.rules.estimated_latency import lowest_estimated_latency, mooncake
from agentsim_env.engine.routing.rules.gateways import cache_aware, dynamo, llm_d, llm_d_baseline
from agentsim_env.engine.routing.rules.kv_routing import kv_routing, learn_residual, reserve
from agentsim_env.engine.routing.rules.loads import (
    least_loaded,
    least_tokens,
    llumnix,
    power_of_two,
    random,
    round_robin,
    weighted_load,
)
from agentsim_env.engine.routing.rules.metrics import lmetric, smetric
from agentsim_env.engine.routing.rules.oracle import oracle_least_work
from agentsim_env.engine.routing.rules.preble import preble
from agentsim_env.engine.routing.rules.programs import autellix, saga, session_affinity
from agentsim_env.engine.routing.rules.sticky import sticky_until_saturated
from agentsim_env.engine.routing.rules.thompson import FEATURES, NUMBERS, learn_weights, note_features, thompson

ROUTE_RULES: dict[str, Rule] = {
    "random": Rule(random, blind=True),
    "round_robin": Rule(round_robin, blind=True),
    "least_loaded": Rule(least_loaded, blind=True),
    "least_tokens": Rule(least_tokens, blind=True),
    "power_of_two": Rule(power_of_two, blind=True),
    "weighted_load": Rule(weighted_load, blind=True),
    "llumnix": Rule(llumnix, blind=True),
    "session_affinity": Rule(session_affinity, blind=True),
    "autellix": Rule(autellix, blind=True),
    "saga": Rule(saga, steals=True, shown_by=("steals",)),
    "cache_aware": Rule(cache_aware, needs_tree=True),
    "dynamo": Rule(dynamo),
    "llm_d": Rule(llm_d),
    "llm_d_baseline": Rule(llm_d_baseline),
    "sticky_until_saturated": Rule(sticky_until_saturated),
    "lmetric": Rule(lmetric),
    "smetric": Rule(smetric),
    "preble": Rule(preble, needs_tree=True),
    "mooncake": Rule(mooncake),
    "lowest_estimated_latency": Rule(lowest_estimated_latency),
    "kv_routing": Rule(kv_routing, memory=Memory(4, 2, reserve, learn_residual)),
    "thompson": Rule(thompson, memory=Memory(NUMBERS, FEATURES, note_features, learn_weights)),
    "oracle_least_work": Rule(oracle_least_work, oracle=True),
}

route = dispatcher("route_turn", ROUTE_RULES, __file__)
note_sent, note_left = memory_dispatchers("route_turn", ROUTE_RULES, __file__)
