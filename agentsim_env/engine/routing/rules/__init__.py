"""Rules that answer `route_turn`: an instance for a ready turn. One function and one row each; see docs/routers.md.

A rule sees `state.allowed` (at least two instances are), the turn's slot `s`, and the cluster through
`engine/batch/look.py`.
"""

from agentsim_env.engine.core.rule import Rule, dispatcher
from agentsim_env.engine.routing.rules.estimated_latency import lowest_estimated_latency, mooncake
from agentsim_env.engine.routing.rules.gateways import cache_aware, dynamo, llm_d
from agentsim_env.engine.routing.rules.loads import (
    least_loaded,
    least_tokens,
    llumnix,
    power_of_two,
    random,
    round_robin,
    weighted_load,
)
from agentsim_env.engine.routing.rules.oracle import oracle_least_work
from agentsim_env.engine.routing.rules.preble import preble
from agentsim_env.engine.routing.rules.programs import autellix, saga, session_affinity

ROUTE_RULES: dict[str, Rule] = {
    "random": Rule(random),
    "round_robin": Rule(round_robin),
    "least_loaded": Rule(least_loaded),
    "least_tokens": Rule(least_tokens),
    "power_of_two": Rule(power_of_two),
    "weighted_load": Rule(weighted_load, {"waiting_weight": 4.0}),
    "llumnix": Rule(llumnix),
    "session_affinity": Rule(session_affinity, {"capacity_limit": 64.0}),
    "autellix": Rule(autellix, {"short_prompt_tokens": 2048.0}),
    "saga": Rule(saga, {"affinity_limit": 0.8}, steals=True),
    "cache_aware": Rule(
        cache_aware,
        {"cache_threshold": 0.5, "balance_abs_threshold": 32.0, "balance_rel_threshold": 1.5},
        needs_tree=True,
    ),
    "dynamo": Rule(dynamo, {"overlap_score_weight": 1.0, "router_temperature": 0.0}),
    "llm_d": Rule(
        llm_d, {"prefix_weight": 2.0, "kv_utilization_weight": 1.0, "queue_weight": 1.0, "relative_prefix": 0.0}
    ),
    "preble": Rule(preble, {"rebalance_ratio": 1.5, "rebalance_after": 50.0}, needs_tree=True),
    "mooncake": Rule(mooncake),
    "lowest_estimated_latency": Rule(lowest_estimated_latency, {"others_weight": 1.0}),
    "oracle_least_work": Rule(oracle_least_work, oracle=True),
}

route = dispatcher("route_turn", ROUTE_RULES, __file__)
