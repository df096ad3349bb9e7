"""The wrapper that `gymnasium.make` puts around all others."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs


class Outermost(gymnasium.Wrapper[np.ndarray, np.integer, np.ndarray, np.integer], RecordConstructorArgs):
    """Lets through what Gymnasium's wrappers hide, and completes the last info of an episode that one of them ends.

    So `env.action_masks()`, `env.candidate_shape` or `env.snapshot()` are there by their names, and an episode that
    `max_episode_steps` truncates has the figures of an episode that the environment ends itself.

    Args:
        env: What to wrap.
    """

    def __init__(self, env: gymnasium.Env[np.ndarray, np.integer]) -> None:
        RecordConstructorArgs.__init__(self)
        gymnasium.Wrapper.__init__(self, env)

    def step(self, action: Any) -> tuple[np.ndarray, Any, bool, bool, dict[str, Any]]:
        """See the environment."""
        step = self.env.step(action)
        if step[3] and "refused_actions" not in step[4]:
            step[4].update(self.get_wrapper_attr("figures")())
        return step

    def __getattr__(self, name: str) -> Any:
        # Private names are not passed on: copies and pickles look for some before there is an `env`.
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return self.env.get_wrapper_attr(name)
