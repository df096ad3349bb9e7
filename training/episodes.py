"""Training episodes: their seeds are known beforehand, and their state can be saved in the middle."""

from typing import Any, NamedTuple, Protocol, SupportsInt

import gymnasium
import numpy as np

from agentsim_env.training.splits import training_seed


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


class TrainingEpisodes(gymnasium.Wrapper):
    """Gives every episode its own training seed and keeps a tape of it.

    The infos of steps within an episode are dropped: Stable-Baselines3 copies every info deeply and reads none of them.

    Args:
        env: The environment.
        source: Draws the programs of a seed.
        run_seed: Seed of the training run.
        index: Number of the environment within the run.
        scale: What rewards are multiplied by.

    Attributes:
        tape: Where the environment is.
        elapsed_s: Simulated time that the last step took, `info["elapsed_s"]`.
    """

    def __init__(self, env: gymnasium.Env, source: Source, run_seed: int, index: int, scale: float = 1.0) -> None:
        super().__init__(env)
        self.scale = scale
        self.source = source
        self.run_seed = run_seed
        self.index = index
        self.tape = Tape(0, [])
        self.elapsed_s = 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins the next episode; the arguments are not used, since the run's seed has fixed all episodes."""
        episode_seed = training_seed(self.run_seed, self.index, self.tape.episodes)
        self.tape = Tape(self.tape.episodes + 1, [])
        return self.env.reset(seed=episode_seed, options={"programs": self.source.draw(episode_seed)})

    def step(self, action: SupportsInt) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Takes a step and notes it."""
        self.tape.actions.append(int(action))
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.elapsed_s = info["elapsed_s"]
        return observation, self.scale * float(reward), terminated, truncated, info if terminated or truncated else {}

    def rewind(self, tape: Tape) -> None:
        """Makes the next `reset` begin the episode that is on the tape."""
        self.tape = Tape(tape.episodes - 1, [])


def restore(env: gymnasium.Env, tape: Tape) -> np.ndarray:
    """Brings an environment to where a tape ends.

    Args:
        env: An environment with `TrainingEpisodes` among its wrappers, of the same run and number as the tape's.
        tape: The tape.

    Returns:
        The last observation.
    """
    env.get_wrapper_attr("rewind")(tape)
    observation, _ = env.reset()
    for action in tape.actions:
        observation, *_ = env.step(action)
    return observation
