"""Rules that answer `set_prefill_budget`: how an instance with two lanes divides its GPU, and who joins the decodes.

A rule gets the number of an instance and returns `set_to(state, i, share, tokens)`: the least share of the SMs for
decodes, and the longest resume prefill that joins them. One function and one row each.
"""

from agentsim_env.engine.core.rule import Rule, dispatcher
from agentsim_env.engine.lanes.rules.feedback import keep, tpot_feedback

BUDGET_RULES: dict[str, Rule] = {
    "keep": Rule(keep),
    "tpot_feedback": Rule(tpot_feedback, {"period_s": 0.1}),
}

budget = dispatcher("set_prefill_budget", BUDGET_RULES, __file__)
