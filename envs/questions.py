"""Every kind of decision that an environment can put to an agent, with what is shown of it."""

from agentsim_env.engine.decisions import KINDS
from envs.admission_features import ADMIT_PROGRAM
from envs.preemption_features import PREEMPT_TURN
from envs.question import Question
from envs.routing_features import ROUTE_TURN
from envs.scheduling_features import SCHEDULE_TURN

QUESTIONS: dict[str, Question] = {
    question.kind: question
    for question in sorted(
        (ADMIT_PROGRAM, PREEMPT_TURN, ROUTE_TURN, SCHEDULE_TURN), key=lambda question: KINDS.index(question.kind)
    )
}
"""By kind, in the order of the engine."""
