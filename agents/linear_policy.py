"""A linear policy: the score of an action is a weighted sum of the features of its row."""

import numpy as np

from agentsim_env.agents.exported import ExportedPolicy


class LinearPolicy(ExportedPolicy):
    """Policy with `LinearWeights`."""

    def scores(self, observation: np.ndarray) -> np.ndarray:
        """See `ExportedPolicy.scores`."""
        weight = self.weights.row_weight
        return (observation.reshape(-1, len(weight)) @ weight).ravel()
