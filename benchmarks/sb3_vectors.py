"""Vectors of routing environments as Stable-Baselines3 takes them: ours, its own, and one that does nothing."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

from agentsim_env.envs import make_sb3_vec
from benchmarks.bounded import end_with_parent
from benchmarks.environments import ROUTING, episode_steps

OURS, DUMMY, SUBPROCESSES, NOTHING = "ours", "DummyVecEnv", "SubprocVecEnv", "do-nothing VecEnv"


def vectors(n: int) -> dict[str, VecEnv]:
    """All four, with n environments each.

    Processes come first: they are forked, which threads would not survive. That saves the minutes in which n
    interpreters would import everything; a step takes the same.
    """
    env = gymnasium.make(ROUTING)
    env.reset(seed=0)
    env.step(0)  # what processes need is compiled before there are any
    makers: dict[str, Callable[[], VecEnv]] = {
        SUBPROCESSES: lambda: SubprocVecEnv([_in_a_process] * n, start_method="fork"),
        OURS: lambda: make_sb3_vec(ROUTING, n_envs=n, seed=0),
        DUMMY: lambda: DummyVecEnv([lambda: gymnasium.make(ROUTING)] * n),
        NOTHING: lambda: Nothing(n, env),
    }
    return {name: make() for name, make in makers.items()}


def _in_a_process() -> gymnasium.Env:
    end_with_parent()
    return gymnasium.make(ROUTING)


class Nothing(VecEnv):
    """Has the spaces of an environment and the length of its episodes, and answers at once: what is left is the caller.

    Args:
        n: Environments.
        env: The environment.
    """

    def __init__(self, n: int, env: gymnasium.Env) -> None:
        self.envs = [env]  # where `agentsim train` looks for the columns of a row
        self._env, self._length, self._steps = env, episode_steps(env), 0
        self._seen = np.tile(env.reset(seed=0)[0], (n, 1))
        super().__init__(n, env.observation_space, env.action_space)

    def reset(self) -> np.ndarray:
        """Begins nothing."""
        self._steps = 0
        return self._seen.copy()

    def step_async(self, actions: np.ndarray) -> None:
        """Counts."""
        self._steps += 1

    def step_wait(self) -> Any:
        """The same as ever."""
        n, over = self.num_envs, self._steps % self._length == 0
        infos = [{"terminal_observation": self._seen[0]} if over else {} for _ in range(n)]
        return self._seen.copy(), np.zeros(n, np.float32), np.full(n, over), infos

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """That of the environment."""
        return [getattr(self._env, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Has none of its own."""
        raise NotImplementedError

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> Any:
        """Has none."""
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """As if it were."""
        return [True] * self.num_envs

    def close(self) -> None:
        """Nothing is open."""
