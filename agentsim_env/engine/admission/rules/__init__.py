"""Rules that answer `admit_program`: ADMIT, HOLD or REJECT a program; docs/scheduling.md has the formulas.

A rule gets the number of a program that has arrived or is the first of those held. What it keeps in mind between two
ticks is in `state.world`; asking it changes nothing.
"""

from agentsim_env.engine.admission.rules.concur import adapt_window, concur
from agentsim_env.engine.admission.rules.limits import admit, gate, max_programs, watermark
from agentsim_env.engine.admission.rules.pausing import mori, take_stock, thunder_agent
from agentsim_env.engine.core.rule import Rule, dispatcher

ADMIT_RULES: dict[str, Rule] = {
    "admit": Rule(admit),
    "max_programs": Rule(max_programs, {"per_instance": 16.0, "most_held": 1e9}),
    "watermark": Rule(watermark, {"utilisation_limit": 0.9}),
    "gate": Rule(gate, {"utilisation_limit": 0.9}),
    "concur": Rule(
        concur,
        {
            "period_s": 1.0,
            "first_window": 16.0,
            "increase": 1.0,
            "decrease": 0.7,
            "low_utilisation": 0.85,
            "high_hit_rate": 0.9,
            "high_utilisation": 0.95,
            "low_hit_rate": 0.8,
        },
        ticks=True,
    ),
    "thunder_agent": Rule(
        thunder_agent, {"period_s": 5.0, "buffer_tokens": 100.0, "half_life_s": 1.0, "attribution": 0.0}, ticks=True
    ),
    "mori": Rule(mori, {"period_s": 5.0, "buffer_tokens": 100.0, "attribution": 0.0}, ticks=True),
}

CONCUR, THUNDER_AGENT, MORI = (list(ADMIT_RULES).index(name) for name in ("concur", "thunder_agent", "mori"))

admit_by_rule = dispatcher("admit_program", ADMIT_RULES, __file__)

__all__ = ["ADMIT_RULES", "CONCUR", "MORI", "THUNDER_AGENT", "adapt_window", "admit_by_rule", "take_stock"]
