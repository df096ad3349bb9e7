"""Steps per second of environments under random actions, resets included."""

from typing import Any

import gymnasium
import numpy as np

import agentsim_env  # noqa: F401  (registers its environments)
from benchmarks.measure import Task, stopwatch

ROUTING = "AgentSim/Routing-v1"
CARTPOLE = "CartPole-v1"
NOTHING = "Benchmark/DoNothing-v0"
STEPS = 40_000
ACTIONS = 4096


class DoNothing(gymnasium.Env[np.ndarray, np.integer]):
    """Answers every step with the same observation: what Gymnasium itself costs.

    Args:
        env: Environment whose spaces and infos it has.
        episode_steps: Steps of an episode.
    """

    def __init__(self, env: gymnasium.Env, episode_steps: int) -> None:
        self.observation_space = env.observation_space
        self.action_space = env.action_space
        observation, info = env.reset(seed=0)
        self._observation, self._mask = observation, info["action_mask"]
        self._episode_steps, self._left = episode_steps, 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode."""
        super().reset(seed=seed)
        self._left = self._episode_steps
        return self._observation.copy(), {"action_mask": self._mask.copy()}

    def step(self, action: np.integer) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Does nothing."""
        self._left -= 1
        return self._observation.copy(), 0.0, self._left == 0, False, {"action_mask": self._mask.copy()}


def do_nothing() -> gymnasium.Env:
    """The do-nothing environment with the spaces of the routing environment, made like it."""
    inner = gymnasium.make(ROUTING)
    if NOTHING not in gymnasium.registry:
        gymnasium.register(NOTHING, entry_point="benchmarks.environments:DoNothing")
    return gymnasium.make(NOTHING, env=inner, episode_steps=episode_steps(inner))


def episode_steps(env: gymnasium.Env) -> int:
    """Steps of an episode under random actions."""
    env.reset(seed=0)
    env.action_space.seed(0)
    steps, over = 0, False
    while not over:
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        over = terminated or truncated
        steps += 1
    return steps


def random_steps(env: gymnasium.Env) -> Task:
    """Task: steps with actions drawn beforehand, a reset at the end of each episode."""
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(ACTIONS)]
    env.reset(seed=0)

    def run() -> tuple[float, float]:
        watch = stopwatch()
        for number in range(STEPS):
            _, _, terminated, truncated, _ = env.step(actions[number % ACTIONS])
            if terminated or truncated:
                env.reset()
        return STEPS, watch()

    return run
