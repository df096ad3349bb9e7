"""Trained policies that answer kinds of decision in a scenario: an agent inside compiled code.

What a policy is asked and what it sees is what an agent outside is asked and sees, so observing is not the engine's:
the functions stand in `agentsim_env.envs.policy_answers`, and are imported when a policy is asked for the first time.
"""

from typing import NamedTuple

from agentsim_env.engine.core.component import NUMBER, Elsewhere, table
from agentsim_env.engine.core.decisions import KINDS
from agentsim_env.engine.core.scorer import Scorer


class Policy(NamedTuple):
    """A policy that answers a kind of decision.

    Attributes:
        scorer: What it is.
        n_features: Columns of a row.
    """

    scorer: Scorer
    n_features: int


answers = table(NUMBER)([Elsewhere("agentsim_env.envs.policy_answers", kind) for kind in KINDS])
"""`(state, kind) -> answer`: what the policy of a kind answers to the pending decision; asking changes nothing."""
