"""Rules that answer `prefetch_kv`: whose context is brought up to the HBM of an instance ahead of its use.

A rule gets the number of an instance and returns a turn for which `ahead_blocks` is positive, or NONE: one that waits
there, or the last one that has ended of a program that acts (`instance.acting_head`, `ahead.next_acting`). It is
asked again until it returns NONE. One function and one row each.
"""

from agentsim_env.engine.core.rule import Rule, dispatcher
from agentsim_env.engine.loads.rules.distance import kvflow, oracle_next_use, scalesim
from agentsim_env.engine.loads.rules.oracle import oracle_return
from agentsim_env.engine.loads.rules.predicted import predicted_return, saga_margin
from agentsim_env.engine.loads.rules.waiting import look_ahead, none, on_return

PREFETCH_RULES: dict[str, Rule] = {
    "none": Rule(none),
    "on_return": Rule(on_return),
    "look_ahead": Rule(look_ahead),
    "predicted_return": Rule(predicted_return, {"period_s": 0.1}),
    "saga_margin": Rule(saga_margin, {"period_s": 0.1}),
    "scalesim": Rule(scalesim, {"period_s": 1.0, "renew": 1.0}, needs_owners=True),
    "kvflow": Rule(kvflow, {"period_s": 1.0}, needs_owners=True),
    "oracle_return": Rule(oracle_return, {"period_s": 0.1}, oracle=True),
    "oracle_next_use": Rule(oracle_next_use, {"period_s": 1.0}, oracle=True, needs_future=True, needs_owners=True),
}

prefetch = dispatcher("prefetch_kv", PREFETCH_RULES, __file__)
