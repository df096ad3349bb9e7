"""How someone outside is asked: whether a kind is open, who the candidates are, what was answered."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE

ASKED = -2
"""Someone outside has to decide first."""


@compiled
def is_open(state, kind):
    """Whether decisions of a kind are answered from outside."""
    return (state.world[0].agent_kinds >> kind) & 1


@compiled
def is_counted(state, p):
    """Whether program `p` is behind the warm-up: nobody outside is asked about those before."""
    return p >= state.world[0].warmup_programs


@compiled
def take_answer(state):
    """The answer from outside to what was asked last, which is used up by that; NONE if there is none."""
    world = state.world[0]
    answer = world.answer
    world.answer = NONE
    return answer


@compiled
def ask(state, kind, program, slot, instance):
    """Put a decision about a program, a live turn or an instance, each NONE if it is about none; without candidates."""
    world = state.world[0]
    world.asked = kind
    world.asked_program = program
    world.asked_slot = slot
    world.asked_instance = instance
    world.n_candidates = 0


@compiled
def ask_among(state, kind, instance):
    """Put a decision about an instance among the candidates that have been listed."""
    world = state.world[0]
    world.asked = kind
    world.asked_program = world.asked_slot = NONE
    world.asked_instance = instance


@compiled
def clear_candidates(state):
    """Begin a list of candidates."""
    state.world[0].n_candidates = 0


@compiled
def has_room(state):
    """Whether the list takes another candidate."""
    return state.world[0].n_candidates < len(state.candidate)


@compiled
def offer(state, row):
    """Add a candidate; the caller has looked whether there is room."""
    world = state.world[0]
    state.candidate[world.n_candidates] = row
    world.n_candidates += 1


@compiled
def include(state, row):
    """What the rule chooses stands in the last place if the candidates are too many to hold it otherwise."""
    if row != NONE and place_of(state, row) == NONE:
        state.candidate[state.world[0].n_candidates - 1] = row


@compiled
def place_of(state, row):
    """Place of a candidate in the list, or NONE."""
    for k in range(state.world[0].n_candidates):
        if state.candidate[k] == row:
            return k
    return NONE
