"""The iterations of a `mixed` instance: decodes and chunks of prefills side by side, as vLLM v1 forms them."""

from agentsim_env.engine.core.component import NUMBER, component
from agentsim_env.engine.core.state import LOOK_UP, MAKE_ROOM, NONE, TAKE_WAITING
from agentsim_env.engine.iteration.join_batch import schedule_waiting
from agentsim_env.engine.iteration.running_turns import have_room, look_up_prefills, schedule_running


@component(NUMBER, NUMBER)
def form_mixed(state, i):
    """Form the next iteration of a `mixed` instance.

    Returns the kind of the decision that someone outside has to make first, or NONE when it is done. Called again with
    the answer, it goes on where it stopped.
    """
    instance = state.instance[i]
    if instance.stage == LOOK_UP:
        look_up_prefills(state, i)
        instance.plan_preempted = 0
        instance.stage = MAKE_ROOM
    if instance.stage == MAKE_ROOM:
        asked = have_room(state, i)
        if asked != NONE:
            return asked
        schedule_running(state, i)
        # Nothing would wake an instance that has preempted its only turn.
        if not instance.plan_preempted or instance.n_running == 0:
            instance.stage = TAKE_WAITING
    if instance.stage == TAKE_WAITING:
        asked = schedule_waiting(state, i)
        if asked != NONE:
            return asked
    if instance.plan_tokens == 0:
        instance.iteration -= 1
    instance.stage = LOOK_UP
    return NONE
