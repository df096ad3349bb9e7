"""Exported policies in compiled code, where an environment has decisions of one kind."""

from typing import TYPE_CHECKING

import gymnasium

from agentsim_env.agents.exported import ExportedPolicy
from agentsim_env.agents.protocol import Agent

if TYPE_CHECKING:
    from agentsim_env.envs.compiled_play import CompiledPlay


def compiled_play(agent: Agent, env: gymnasium.Env) -> "CompiledPlay | None":
    """What plays an agent's episodes in compiled code; None where it cannot.

    Args:
        agent: The agent, bound to the environment.
        env: The environment.
    """
    from agentsim_env.envs.compiled_play import CompiledPlay
    from agentsim_env.envs.decision_env import KindEnv

    inner = env.unwrapped
    if not isinstance(agent, ExportedPolicy) or not isinstance(inner, KindEnv):
        return None
    scorer = agent.scorer
    return None if scorer is None else CompiledPlay(inner.question.kind, scorer, inner.candidate_shape)
