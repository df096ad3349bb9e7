"""Orders of the queue that need no memory: by arrival, by length, by what is cached."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import first_ready
from agentsim_env.engine.eviction.prefix_lookup import uncached_tokens
from agentsim_env.engine.scheduling.rules.lowest import lowest


@compiled
def fcfs(state, i):
    """The head of the queue: turns in the order of their arrival, preempted ones first (vLLM's default)."""
    return first_ready(state, i)


@lowest
def program_fcfs(state, i, s):
    """The turn whose program arrived first (program-level FCFS of Continuum; AgentServeSim's `program-fcfs`)."""
    return state.program_run[state.slot[s].program].arrived_s


@lowest
def shortest_prompt(state, i, s):
    """The turn with the fewest tokens of context, what it generated before a preemption included."""
    return state.slot[s].target


@lowest
def least_uncached(state, i, s):
    """The turn with the fewest tokens to prefill, as the cache is now: shortest job first where prefills are the job.

    SGLang's longest-prefix-match order sorts by the cached tokens instead; for agents, whose contexts grow by little
    per turn, what is missing says more about the cost.
    """
    return uncached_tokens(state, i, s)
