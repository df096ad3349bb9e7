"""What is decided at one moment, in which order, and what the rules would answer; docs/semantics.md has the order."""

from collections.abc import Callable
from typing import Any

from agentsim_env.engine.admission.admission import admissions, default_admission
from agentsim_env.engine.core.component import NUMBER, component
from agentsim_env.engine.core.decisions import KINDS
from agentsim_env.engine.core.lists import leave_to_plan
from agentsim_env.engine.core.rule import choice
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.victims import default_eviction
from agentsim_env.engine.iteration.plan import plan
from agentsim_env.engine.lanes.prefill_budget import default_budget, set_budgets
from agentsim_env.engine.loads.prefetch import bring_up, default_subject
from agentsim_env.engine.retention.retention import default_retention, retain_ended
from agentsim_env.engine.routing.router import default_instance, route_next
from agentsim_env.engine.scheduling.scheduling import default_turn, default_victim
from agentsim_env.engine.tiers.prefetch_subjects import asked_ahead


@component(NUMBER)
def settle(state):
    """What is due now: the KV of ended turns, admissions, budgets, iterations, routing and prefetches, in this order.

    Returns the kind of the decision that someone outside has to make first, or NONE.
    """
    world = state.world[0]
    if world.n_ended > 0:
        asked = retain_ended(state)
        if asked != NONE:
            return asked
    if world.arrived_head != NONE or world.ask_held:
        asked = admissions(state)
        if asked != NONE:
            return asked
    if world.next_budget != NONE:
        asked = set_budgets(state)
        if asked != NONE:
            return asked
    while world.plan_head != NONE or world.route_head != NONE or world.prefetch_head != NONE:
        if world.plan_head != NONE:
            asked = plan(state, world.plan_head)
            if asked != NONE:
                return asked
            leave_to_plan(state)
            continue
        if world.route_head == NONE:
            asked = bring_up(state, world.prefetch_head)
            if asked != NONE:
                return asked
            asked_ahead(state)
            continue
        asked = route_next(state)
        if asked != NONE:
            return asked
    return NONE


DEFAULT_ANSWERS: dict[str, Callable[..., Any]] = {
    "admit_program": default_admission,
    "route_turn": default_instance,
    "schedule_turn": default_turn,
    "retain_kv": default_retention,
    "evict_kv": default_eviction,
    "preempt_turn": default_victim,
    "prefetch_kv": default_subject,
    "set_prefill_budget": default_budget,
}
"""What the scenario's rule answers to the pending decision, by its kind; asking changes nothing that matters."""

_default_answer = choice("default", {kind: DEFAULT_ANSWERS[kind] for kind in KINDS}, __file__)


@component(NUMBER)
def asked_rule(state):
    """What the scenario's rule answers to the pending decision."""
    return _default_answer(state, state.world[0].asked)
