"""Rules that answer `preempt_turn`: which running turn goes back to the queue when blocks are short.

A rule gets the number of an instance and returns the slot of a running turn. Of equals the last admitted goes.
"""

from collections.abc import Callable
from typing import Any

from agentsim_env.engine.batch.decodes import generated_tokens
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.rule import Rule, dispatcher, made_of
from agentsim_env.engine.core.state import NONE


def _lowest(key: Callable[..., Any]) -> Callable[..., Any]:
    """Make a rule of a key `(state, i, s, ...) -> number`: the lowest of the batch, the last admitted of equals."""
    key_of = compiled(key)

    def rule(state, i, *parameters):
        best, least = NONE, 0.0
        s = state.instance[i].running_tail
        while s != NONE:
            value = float(key_of(state, i, s, *parameters))
            if best == NONE or value < least:
                best, least = s, value
            s = state.slot[s].previous
        return best

    return made_of(key, rule)


@compiled
def _context(state, i, s):
    return state.turn[state.slot[s].turn].prompt_tokens + generated_tokens(state, i, s)


@compiled
def last_admitted(state, i):
    """The turn that was admitted to the batch last (vLLM)."""
    return state.instance[i].running_tail


@_lowest
def smallest(state, i, s):
    """The fewest tokens of prompt and output so far: the cheapest to compute again (AgentServeSim's evolved gate)."""
    return _context(state, i, s)


@_lowest
def largest(state, i, s):
    """The most tokens of prompt and output so far: one that makes the most room."""
    return -_context(state, i, s)


@_lowest
def least_progress(state, i, s):
    """The fewest generated tokens, of equals the longest prompt (SGLang's retraction)."""
    return generated_tokens(state, i, s) - state.turn[state.slot[s].turn].prompt_tokens / state.world[0].longest_context


@_lowest
def latest_program(state, i, s):
    """A turn of the program that arrived last (the order in which Continuum gives up programs)."""
    return -state.program_run[state.slot[s].program].arrived_s


@_lowest
def most_service(state, i, s):
    """A turn of the program whose ended turns have had the most service (the last in the order of Autellix)."""
    return -state.program_run[state.slot[s].program].service_s


PREEMPT_RULES: dict[str, Rule] = {
    "last_admitted": Rule(last_admitted),
    "smallest": Rule(smallest),
    "largest": Rule(largest),
    "least_progress": Rule(least_progress),
    "latest_program": Rule(latest_program),
    "most_service": Rule(most_service),
}

LAST_ADMITTED = list(PREEMPT_RULES).index("last_admitted")
"""The engine takes the tail of the batch without calling a rule."""

preempt = dispatcher("preempt_turn", PREEMPT_RULES, __file__)
