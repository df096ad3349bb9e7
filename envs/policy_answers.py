"""What trained policies that a scenario names answer, in compiled code: the engine imports these functions by kind."""

from collections.abc import Callable

from agentsim_env.engine.core.decisions import DECISIONS, KINDS
from agentsim_env.engine.core.jit import written_out
from agentsim_env.engine.core.scorer import best_answer
from agentsim_env.envs.questions import QUESTIONS

_ANSWER = """
def answer(state):
    policy = state.policy[{number}]
    n = policy.answers * policy.features
    rows = state.policy_rows[:n].reshape((policy.answers, policy.features))
    observe(state, rows)
    first = policy.first_weight
    weights = state.policy_weights[first : first + policy.weights]
    return best_answer(
        rows, state.{mask}, policy.form, policy.width, policy.allowed, weights, state.policy_work
    )
"""


def _answering(kind: str) -> Callable[..., int]:
    text = _ANSWER.format(number=KINDS.index(kind), mask=DECISIONS[kind].mask)
    answer = written_out(text, __file__, observe=QUESTIONS[kind].observe, best_answer=best_answer)["answer"]
    answer.__qualname__ = f"policy_{kind}"
    return answer


globals().update({kind: _answering(kind) for kind in KINDS})
