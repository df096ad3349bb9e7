"""What each answer to a decision would have cost, had its agent answered everything after it.

From a snapshot every other legal answer is given, and the episode played on to its end on the programs that come. One
future is what a decision is tried on; over many episodes chance averages out, which is what a policy can learn from
that knows no future (Lagoudakis and Parr 2003, "Reinforcement Learning as Classification").
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from agentsim_env import Simulator
from agentsim_env.agents import Agent, RuleAgent
from agentsim_env.envs.decision_env import KindEnv
from agentsim_env.envs.rewards import episode_return
from agentsim_env.training.compiled import compiled_play
from agentsim_env.training.errors import TrainingError

GoOn = Callable[[Simulator], object]


def make_go_on(agent: Agent, env: Any) -> GoOn:
    """What plays an episode on by an agent, from after an answer to its end.

    Args:
        agent: Bound to the environment.
        env: The environment.

    Raises:
        TrainingError: Compiled code cannot play it.
    """
    player = compiled_play(agent, env)
    if player is not None:
        return lambda simulator: simulator.ended or player.play(simulator)
    if isinstance(agent, RuleAgent) and isinstance(env.unwrapped, KindEnv):
        return Simulator.run
    allowed = "a rule or an exported policy, in an environment of one kind of decision"
    raise TrainingError(f"--rollouts with {agent.name}: allowed: {allowed}")


def costs_of_others(env: Any, mask: np.ndarray, answer: int, go_on: GoOn) -> np.ndarray:
    """Costs of all legal answers but one; the environment is left where it was.

    Args:
        env: The environment, a decision pending.
        mask: Legal answers.
        answer: The one that is not tried.
        go_on: Plays on.

    Returns:
        Cost of the whole episode in seconds, `float64 [actions]`; NaN for what was not tried.
    """
    inner = env.unwrapped
    here = inner.snapshot()
    costs = np.full(len(mask), np.nan)
    simulator = inner.simulator
    for other in np.flatnonzero(mask):
        if other != answer:
            simulator.restore(here.simulation)
            simulator.apply(int(other))
            go_on(simulator)
            costs[other] = cost_s(simulator)
    inner.restore(here)
    return costs


def cost_s(simulator: Simulator) -> float:
    """What an episode has cost: what agents are trained to make small."""
    return -episode_return(simulator) * simulator.scenario.reward.unit_s
