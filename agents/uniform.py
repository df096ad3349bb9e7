"""The agent that knows nothing."""

from collections.abc import Mapping
from typing import Any

import numpy as np


class RandomAgent:
    """Any allowed action, all with the same probability.

    Args:
        name: Name in tables and plots.
    """

    def __init__(self, name: str = "uniform") -> None:
        self.name = name
        self._rng = np.random.default_rng(0)

    def reset(self, seed: int) -> None:
        """Seeds the generator."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: np.ndarray, info: Mapping[str, Any]) -> int:
        """Draws an action."""
        return int(self._rng.choice(np.flatnonzero(info["action_mask"])))
