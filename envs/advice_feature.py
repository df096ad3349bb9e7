"""What the scenario's rule would answer, for agents that begin as that rule and learn when not to follow it.

This column stands behind all others, in scenarios with `decisions.advice`.
"""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.settle import asked_rule
from agentsim_env.envs.feature import FeatureTable

ADVISED = "advised"

ADVICE = FeatureTable()
ADVICE.flag(ADVISED, "the scenario's rule would give this answer")


@compiled
def advise(state, kind, out):
    """Fill the last column of a table of a kind: 1 in the row that the rule would answer; 0 where nothing is asked."""
    column = out.shape[1] - 1
    for row in range(len(out)):
        out[row, column] = 0.0
    if state.world[0].asked == kind:
        out[asked_rule(state), column] = 1.0
