"""Rules that answer `schedule_turn`: which waiting turn joins a batch. One function and one row each.

A rule gets the number of an instance whose queue is not empty and returns the slot of a waiting turn, or NONE to hold
all of them back for now; docs/scheduling.md has the formulas.
"""

from agentsim_env.engine.core.rule import Rule, dispatcher
from agentsim_env.engine.scheduling.rules.autellix import atlas, autellix_mlfq, plas
from agentsim_env.engine.scheduling.rules.continuum import continuum
from agentsim_env.engine.scheduling.rules.gate import gate
from agentsim_env.engine.scheduling.rules.llm_d_las import llm_d_las
from agentsim_env.engine.scheduling.rules.oracle import oracle_srpt
from agentsim_env.engine.scheduling.rules.orders import fcfs, least_uncached, program_fcfs, shortest_prompt
from agentsim_env.engine.scheduling.rules.saga import saga_fair

SCHEDULE_RULES: dict[str, Rule] = {
    "fcfs": Rule(fcfs),
    "program_fcfs": Rule(program_fcfs),
    "shortest_prompt": Rule(shortest_prompt),
    "least_uncached": Rule(least_uncached),
    "plas": Rule(plas),
    "atlas": Rule(atlas, needs_paths=True),
    "autellix_mlfq": Rule(autellix_mlfq),
    "saga_fair": Rule(saga_fair),
    "continuum": Rule(continuum),
    "llm_d_las": Rule(llm_d_las, {"half_life_s": 60.0}, needs_served=True),
    "gate": Rule(gate, shown_by=("held_back",)),
    "oracle_srpt": Rule(oracle_srpt, oracle=True),
}

FCFS = list(SCHEDULE_RULES).index("fcfs")
"""The engine takes the head of the queue without calling a rule."""

schedule = dispatcher("schedule_turn", SCHEDULE_RULES, __file__)
