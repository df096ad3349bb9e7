"""Every kind of decision that an environment can put to an agent, with what is shown of it."""

from agentsim_env.engine.core.decisions import KINDS
from agentsim_env.envs.admission_features import ADMIT_PROGRAM
from agentsim_env.envs.eviction_features import EVICT_KV
from agentsim_env.envs.preemption_features import PREEMPT_TURN
from agentsim_env.envs.prefetch_features import PREFETCH_KV
from agentsim_env.envs.question import Question
from agentsim_env.envs.retention_features import RETAIN_KV
from agentsim_env.envs.routing_features import ROUTE_TURN
from agentsim_env.envs.scheduling_features import SCHEDULE_TURN

QUESTIONS: dict[str, Question] = {
    question.kind: question
    for question in sorted(
        (ADMIT_PROGRAM, EVICT_KV, PREEMPT_TURN, PREFETCH_KV, RETAIN_KV, ROUTE_TURN, SCHEDULE_TURN),
        key=lambda question: KINDS.index(question.kind),
    )
}
"""By kind, in the order of the engine."""
