"""The iterations of a `prefill_first` instance: whole prompts, which stop the decodes, or decodes.

This is the default scheduler of vLLM before v1, without chunked prefill, and what llama.cpp does.
"""

from agentsim_env.engine.core.component import NUMBER, component
from agentsim_env.engine.core.state import LOOK_UP, MAKE_ROOM, NONE, TAKE_WAITING
from agentsim_env.engine.iteration.join_batch import schedule_waiting
from agentsim_env.engine.iteration.running_turns import have_room, schedule_running


@component(NUMBER, NUMBER)
def form_prefill_first(state, i):
    """Form the next iteration of a `prefill_first` instance.

    Returns the kind of the decision that someone outside has to make first, or NONE when it is done. Called again with
    the answer, it goes on where it stopped.
    """
    instance = state.instance[i]
    if instance.stage == LOOK_UP:
        # Nothing to look up: no prefill is left unfinished.
        instance.plan_tokens = 0
        instance.plan_preempted = 0
        instance.stage = TAKE_WAITING
    while True:
        if instance.stage == MAKE_ROOM:
            asked = have_room(state, i)
            if asked != NONE:
                return asked
            if instance.n_running > 0:
                schedule_running(state, i)
                instance.prefills_only = 0
                break
            # Nothing would wake an instance that has preempted its only turn.
            instance.stage = TAKE_WAITING
        asked = schedule_waiting(state, i)
        if asked != NONE:
            return asked
        if instance.plan_tokens > 0 or instance.n_running == 0:
            instance.prefills_only = 1
            instance.prefill_iterations += instance.plan_tokens > 0
            break
        instance.stage = MAKE_ROOM
    instance.stage = LOOK_UP
    return NONE
