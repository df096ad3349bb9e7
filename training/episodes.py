"""Training episodes: their seeds are known beforehand, and their state can be saved in the middle."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from agentsim_env.envs.batch.batch import Batch
from agentsim_env.envs.batch.sb3_vec_env import BatchVecEnv
from agentsim_env.envs.decision_env import DecisionEnv
from agentsim_env.training.splits import training_seed

_KEPT = 4096
"""Steps on the tapes that no episode needs any more, before they are thrown away."""


class Source(Protocol):
    """Draws the programs of an episode."""

    def draw(self, seed: int) -> Any:
        """The programs of a seed."""
        ...


class Tape(NamedTuple):
    """Where an environment is: how many episodes it has begun, and what was done in the last one.

    An environment is a function of seed and actions, so this is its whole state, however large the simulator's is.
    """

    episodes: int
    actions: list[int]


class TrainingEpisodes(BatchVecEnv):
    """The environments of a run: gives every episode its own training seed and keeps tapes of them.

    Args:
        env: The environment.
        n: How many.
        source: Draws the programs of a seed.
        run_seed: Seed of the training run.
        scale: What rewards are multiplied by.
    """

    def __init__(self, env: DecisionEnv, n: int, source: Source, run_seed: int, scale: float = 1.0) -> None:
        def begin(env: DecisionEnv, place: int, episode: int) -> None:
            seed = training_seed(run_seed, place, episode)
            env.reset(seed=seed, options={"programs": source.draw(seed)})

        self._scale = scale
        self._episodes = np.zeros(n, np.int64)
        self._taped: list[np.ndarray] = []
        self._begun_at = np.zeros(n, np.int64)
        super().__init__(Batch(env, n, begin=begin))

    def reset(self) -> np.ndarray:
        """Begin the next episode of each environment; seeds and options are not used, since the run's seed is."""
        self._reset_seeds()
        self._reset_options()
        observation = super().reset()
        self._episodes += 1
        self._taped, self._begun_at[:] = [], 0
        return observation

    def step_wait(self) -> VecEnvStepReturn:
        """Takes a step and notes it."""
        self._taped.append(np.array(self._actions, np.int64))
        observation, rewards, dones, infos = super().step_wait()
        if dones.any():
            self._episodes[dones] += 1
            self._begun_at[dones] = len(self._taped)
            self._forget()
        return observation, rewards, dones, infos

    def _forget(self) -> None:
        """Throw away what only episodes need that have ended."""
        over = int(self._begun_at.min())
        if over >= _KEPT:
            del self._taped[:over]
            self._begun_at -= over

    def _paid(self, rewards: np.ndarray) -> np.ndarray:
        return (self._scale * rewards).astype(np.float32)

    @property
    def tapes(self) -> list[Tape]:
        """Where each environment is."""
        return [
            Tape(int(episodes), [int(actions[place]) for actions in self._taped[begun:]])
            for place, (episodes, begun) in enumerate(zip(self._episodes, self._begun_at, strict=True))
        ]

    def rewind(self, tapes: Sequence[Tape]) -> np.ndarray:
        """Brings each environment to where its tape ends; returns the last observations."""
        envs = [self._replayed(place, tape) for place, tape in enumerate(tapes)]
        self.batch.put(envs)
        longest = max(len(tape.actions) for tape in tapes)
        taped = np.zeros((longest, len(tapes)), np.int64)
        for place, tape in enumerate(tapes):
            self._episodes[place] = tape.episodes
            self._begun_at[place] = longest - len(tape.actions)
            taped[self._begun_at[place] :, place] = tape.actions
        self._taped = list(taped)
        return self.batch.rows.seen.copy()

    def _replayed(self, place: int, tape: Tape) -> DecisionEnv:
        env = self.batch.again(place, tape.episodes - 1)
        self._returns[place], self._lengths[place] = 0.0, len(tape.actions)
        for action in tape.actions:
            self._returns[place] += env.step(action)[1]
        return env
