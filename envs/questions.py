"""Every kind of decision that an environment can put to an agent, with what is shown of it."""

from agentsim_env.engine.decisions import KINDS
from envs.admission_features import ADMIT_PROGRAM
from envs.eviction_features import EVICT_KV
from envs.preemption_features import PREEMPT_TURN
from envs.prefetch_features import PREFETCH_KV
from envs.question import Question
from envs.retention_features import RETAIN_KV
from envs.routing_features import ROUTE_TURN
from envs.scheduling_features import SCHEDULE_TURN

QUESTIONS: dict[str, Question] = {
    question.kind: question
    for question in sorted(
        (ADMIT_PROGRAM, EVICT_KV, PREEMPT_TURN, PREFETCH_KV, RETAIN_KV, ROUTE_TURN, SCHEDULE_TURN),
        key=lambda question: KINDS.index(question.kind),
    )
}
"""By kind, in the order of the engine."""
