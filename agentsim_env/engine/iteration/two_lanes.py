"""The iterations of a `two_lanes` instance: decodes in one lane, prompts beside them in the other (AgentServe)."""

from agentsim_env.engine.batch.prefill_lane import begin_decodes
from agentsim_env.engine.batch.request_class import pass_over, pass_over_nobody
from agentsim_env.engine.core.component import NUMBER, component
from agentsim_env.engine.core.state import LOOK_UP, MAKE_ROOM, NONE, TAKE_PROMPT, TAKE_WAITING
from agentsim_env.engine.iteration.join_batch import schedule_waiting
from agentsim_env.engine.iteration.running_turns import have_room, look_up_prefills, schedule_running


@component(NUMBER, NUMBER)
def form_two_lanes(state, i):
    """Form the next iteration of the decode lane, unless one is in flight, and let the prefill lane take a turn.

    Returns the kind of the decision that someone outside has to make first, or NONE when it is done. Called again with
    the answer, it goes on where it stopped.
    """
    instance = state.instance[i]
    if instance.stage == LOOK_UP:
        if instance.running:
            pass_over(state, i, False)
            instance.stage = TAKE_PROMPT
        else:
            begin_decodes(state, i)
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
            pass_over(state, i, True)
            instance.stage = TAKE_WAITING
    if instance.stage == TAKE_WAITING:
        asked = schedule_waiting(state, i)
        if asked != NONE:
            return asked
        pass_over(state, i, False)
        instance.stage = TAKE_PROMPT
    if instance.stage == TAKE_PROMPT:
        asked = schedule_waiting(state, i)
        if asked != NONE:
            return asked
        pass_over_nobody(state, i)
    if not instance.running and instance.plan_tokens == 0:
        instance.iteration -= 1
    instance.stage = LOOK_UP
    return NONE
