from typing import Any

import gymnasium
import numpy as np
import pytest


class Rows(gymnasium.Env):
    """Random rows: only what agents look at."""

    def __init__(self, n_rows: int = 4, feature_names: tuple[str, ...] = ("load", "hit", "allowed")) -> None:
        self.candidate_shape = (n_rows, len(feature_names))
        self.feature_names = feature_names
        self.observation_space = gymnasium.spaces.Box(-1.0, 1.0, (n_rows * len(feature_names),), np.float32)
        self.action_space = gymnasium.spaces.Discrete(n_rows)

    def _draw(self) -> tuple[np.ndarray, dict[str, Any]]:
        rows = self.np_random.uniform(-1.0, 1.0, self.candidate_shape).astype(np.float32)
        mask = np.ones(len(rows), np.int8)
        if "allowed" in self.feature_names:
            column = self.feature_names.index("allowed")
            mask[1:] = rows[1:, column] > 0
            rows[:, column] = np.where(mask, 1.0, -1.0)
        return rows.ravel(), {"action_mask": mask}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        return self._draw()

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        observation, info = self._draw()
        return observation, 0.0, False, False, info


@pytest.fixture
def make_rows() -> type[Rows]:
    return Rows
