"""A batch as a vector environment of Stable-Baselines3."""

import time
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from agentsim_env.envs.batch.batch import Batch, Ended
from agentsim_env.envs.decision_env import DecisionEnv

_DIGITS = 6
"""Of returns and times, as `Monitor` rounds them."""


class BatchVecEnv(VecEnv):
    """N episodes of an environment in a batch, each as if `Monitor` were around it.

    The infos of steps within an episode say nothing but that it is not truncated: `get_attr("elapsed_s")` has the
    simulated time that the last step took, `get_attr("time_s")` the time now, and `env_method("action_masks")` the
    masks. The last info of an episode has all that the environment says.

    Args:
        batch: The episodes.
    """

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self._attributes: list[dict[str, Any]] = [{} for _ in range(batch.n)]
        self._actions = np.zeros(batch.n, np.int64)
        self._returns, self._lengths = np.zeros(batch.n), np.zeros(batch.n, np.int64)
        self._began_s = time.time()
        super().__init__(batch.n, batch.env.observation_space, batch.env.action_space)
        self.metadata = batch.env.metadata

    @property
    def envs(self) -> list[DecisionEnv]:
        """The environment of each episode: to look at, not to step."""
        return self.batch.envs

    def reset(self) -> np.ndarray:
        """Begin all episodes anew, with the seeds and options that were given for it."""
        seeds = None if all(seed is None for seed in self._seeds) else self._seeds
        options = self._options if any(self._options) else None
        self.batch.reset(seeds, options)
        self._returns[:], self._lengths[:] = 0.0, 0
        self.reset_infos = [self._info(place) for place in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return self.batch.rows.seen.copy()

    def step_async(self, actions: np.ndarray) -> None:
        """Note the answers to the pending decisions."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Answer them and run to the next ones."""
        batch = self.batch
        ended = batch.step(self._actions)
        rewards = batch.rows.reward
        self._returns += rewards
        self._lengths += 1
        infos: list[dict[str, Any]] = [{"TimeLimit.truncated": False} for _ in range(self.num_envs)]
        for end in ended:
            infos[end.place] = self._last_info(end)
        dones = batch.terminated | batch.truncated
        return batch.rows.seen.copy(), self._paid(rewards), dones, infos

    def _paid(self, rewards: np.ndarray) -> np.ndarray:
        """What a learner is paid, `float32 [N]`."""
        return rewards.astype(np.float32)

    def _last_info(self, end: Ended) -> dict[str, Any]:
        place = end.place
        episode = {
            "r": round(float(self._returns[place]), _DIGITS),
            "l": int(self._lengths[place]),
            "t": round(time.time() - self._began_s, _DIGITS),
        }
        self._returns[place], self._lengths[place] = 0.0, 0
        self.reset_infos[place] = self._info(place)
        truncated = bool(self.batch.truncated[place])
        return end.info | {
            "episode": episode,
            "terminal_observation": end.observation,
            "TimeLimit.truncated": truncated,
        }

    def _info(self, place: int) -> dict[str, Any]:
        rows = self.batch.rows
        return {
            "action_mask": rows.legal[place].copy(),
            "time_s": float(rows.time_s[place]),
            "elapsed_s": float(rows.elapsed_s[place]),
            **self.batch.envs[place].drawn(),
        }

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """What each environment has by a name; see `VecEnv`."""
        places = list(self._get_indices(indices))
        of_all = {"elapsed_s": self.batch.lasted_s, "time_s": self.batch.rows.time_s}.get(attr_name)
        if of_all is not None:
            return of_all[places].tolist()
        return [self._attribute(place, attr_name) for place in places]

    def _attribute(self, place: int, name: str) -> Any:
        own = self._attributes[place]
        return own[name] if name in own else getattr(self.batch.at(place), name)

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Have `get_attr` find a value; nothing that environments do changes."""
        for place in self._get_indices(indices):
            self._attributes[place][attr_name] = value

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """What a method of each environment returns; see `VecEnv`."""
        places: Sequence[int] = list(self._get_indices(indices))
        if method_name == "action_masks":
            return list(self.batch.rows.legal[places].astype(bool))
        return [self.batch.ask(place, method_name, *method_args, **method_kwargs) for place in places]

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Whether it is as if a wrapper were around them: `Monitor` is."""
        return [issubclass(Monitor, wrapper_class) for _ in self._get_indices(indices)]

    def get_images(self) -> list[Any]:
        """Pictures of the environments."""
        return self.env_method("render")

    def close(self) -> None:
        """End the threads."""
        self.batch.close()
