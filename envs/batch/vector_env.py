"""A batch as a vector environment of Gymnasium."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from agentsim_env.envs.batch.batch import Batch, Ended
from agentsim_env.envs.batch.each import make_each
from agentsim_env.envs.decision_env import DecisionEnv
from agentsim_env.envs.errors import EnvError
from agentsim_env.envs.spec import plain_spec


class BatchVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """N episodes of an environment, which `gymnasium.make_vec` makes.

    Where an episode ends the next one begins within the same step (`AutoresetMode.SAME_STEP`): observation and info
    are of its first decision, `infos["final_obs"]`, `float32 [N, ...]`, has the last observation and
    `infos["final_info"]` the last info, with the figures of the episode; `infos["_final_obs"]` says of which places.
    `infos["action_mask"]` is `int8 [N, actions]`.

    Args:
        make: Makes the environment.
        num_envs: N.
        max_episode_steps: Steps after which an episode is truncated; None for no such limit.
        threads: Threads that make a step; None: one for each core, if N is large enough.
        arguments: Those of the environment; a list of scenarios gives environment i number i of it, and begins again.

    Attributes:
        candidate_shape: (actions, features): how to fold an observation.
        feature_names: Names of the features.
    """

    metadata: dict[str, Any]

    def __init__(
        self,
        make: Callable[..., DecisionEnv],
        num_envs: int = 1,
        *,
        max_episode_steps: int | None = None,
        threads: int | None = None,
        **arguments: Any,
    ) -> None:
        envs = make_each(make, arguments, num_envs)
        env = envs[0]
        self.metadata = {**env.metadata, "autoreset_mode": AutoresetMode.SAME_STEP}
        self.render_mode = env.render_mode
        self.num_envs = num_envs
        self.batch = Batch(envs, num_envs, threads=threads, most_steps=max_episode_steps)
        self.single_observation_space, self.single_action_space = env.observation_space, env.action_space
        self.observation_space = batch_space(env.observation_space, num_envs)
        self.action_space = batch_space(env.action_space, num_envs)
        assert isinstance(env.action_space, spaces.Discrete)
        self.candidate_shape, self.feature_names = env.candidate_shape, env.feature_names
        self._spec: EnvSpec | None = None

    @property
    def spec(self) -> EnvSpec | None:
        """What `gymnasium.make_vec` made it from, in values that can be written as JSON."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._spec = None if spec is None else plain_spec(spec)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin all episodes anew.

        Args:
            seed: Of the first environment, that of number i has `seed + i`; or one of each. None: each goes on with a
                seed of its own, as a single environment does.
            options: What each environment's `reset` takes.
        """
        seeds = _seeds(seed, self.num_envs)
        self.batch.reset(seeds, None if options is None else [options] * self.num_envs)
        super().reset(seed=seed if isinstance(seed, int) else None)
        infos = self._infos([])
        return self.batch.rows.seen.copy(), self._with_drawn(infos, range(self.num_envs))

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Answer each decision and run to the next."""
        batch = self.batch
        ended = batch.step(actions)
        rows = batch.rows
        infos = self._infos(ended)
        return rows.seen.copy(), rows.reward.copy(), batch.terminated.copy(), batch.truncated.copy(), infos

    def action_masks(self) -> np.ndarray:
        """Which answers are legal, `bool [N, actions]`."""
        return self.batch.rows.legal.astype(bool)

    def call(self, name: str, *arguments: Any, **named: Any) -> tuple[Any, ...]:
        """What each environment has or returns by a name: to look at, not to step."""
        return tuple(self.batch.ask(place, name, *arguments, **named) for place in range(self.num_envs))

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """What each environment has by a name."""
        return self.call(name)

    def render(self) -> tuple[Any, ...]:
        """What each environment shows."""
        return self.call("render")

    def close_extras(self, **_: Any) -> None:
        """End the threads."""
        self.batch.close()

    def _infos(self, ended: list[Ended]) -> dict[str, Any]:
        rows, everywhere = self.batch.rows, np.ones(self.num_envs, bool)
        infos: dict[str, Any] = {
            "action_mask": rows.legal.copy(),
            "time_s": rows.time_s.copy(),
            "elapsed_s": rows.elapsed_s.copy(),
        }
        kinds = self.batch.kinds()
        infos |= {} if kinds is None else {"decision_kind": kinds}
        infos |= {f"_{name}": everywhere.copy() for name in tuple(infos)}
        if ended:
            infos["final_obs"] = np.zeros_like(rows.seen)
            infos["_final_obs"] = np.zeros(self.num_envs, bool)
            for end in ended:
                infos["final_obs"][end.place], infos["_final_obs"][end.place] = end.observation, True
                infos = self._add_info(infos, {"final_info": end.info}, end.place)
        return self._with_drawn(infos, [end.place for end in ended])

    def _with_drawn(self, infos: dict[str, Any], places: Iterable[int]) -> dict[str, Any]:
        """What was drawn for the episodes that have begun in some places, where scenarios draw anything."""
        for place in places:
            infos = self._add_info(infos, self.batch.envs[place].drawn(), place)
        return infos


def _seeds(seed: Any, n: int) -> list[Any] | None:
    if seed is None:
        return None
    if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str):
        if len(seed) != n:
            raise EnvError(f"{len(seed)} seeds for {n} environments: must be one for each, or the first one's alone")
        return list(seed)
    return [seed + place for place in range(n)] if isinstance(seed, int) else [seed] * n
