"""Rules that answer `admit_program`: ADMIT, HOLD or REJECT a program; docs/scheduling.md has the formulas.

A rule gets the number of a program that has arrived or is the first of those held. What it keeps in mind between two
ticks is in `state.world`; asking it changes nothing.
"""

from agentsim_env.engine.admission.rules.concur import adapt_window, concur, concur_tuned, pause_beyond_window
from agentsim_env.engine.admission.rules.hysteresis import allow_one, hysteresis_gate
from agentsim_env.engine.admission.rules.limits import admit, gate, max_programs, watermark
from agentsim_env.engine.admission.rules.pausing import mori, pause_most_idle, pause_smallest, thunder_agent
from agentsim_env.engine.core.rule import Rule, dispatcher, tick_dispatcher

ADMIT_RULES: dict[str, Rule] = {
    "admit": Rule(admit),
    "max_programs": Rule(max_programs, shown_by=("holds", "programs_rejected")),
    "watermark": Rule(watermark, shown_by=("holds",)),
    "gate": Rule(gate, shown_by=("holds",)),
    "hysteresis_gate": Rule(hysteresis_gate, {"period_s": 5.0}, tick=allow_one, shown_by=("holds",)),
    "concur": Rule(concur, {"period_s": 5.0, "first_window": 16.0}, tick=pause_beyond_window),
    "concur_tuned": Rule(concur_tuned, {"period_s": 1.0, "first_window": 16.0}, tick=adapt_window, shown_by=("holds",)),
    "thunder_agent": Rule(thunder_agent, {"period_s": 5.0}, tick=pause_smallest),
    "mori": Rule(mori, {"period_s": 5.0}, tick=pause_most_idle),
}

admit_by_rule = dispatcher("admit_program", ADMIT_RULES, __file__)
tick_by_rule = tick_dispatcher("admit_program", ADMIT_RULES, __file__)
