"""A policy with gates: weighted sums of the features of a row, some of which count only as far as a gate is open.

Most features of a row are the same in all rows of a decision, and a weighted sum cannot tell answers apart by them.
Behind a gate that only some rows open, they can: with `advised` as a gate, how full the memory is says how much the
advice is worth.
"""

import numpy as np

from agentsim_env.agents.exported import ExportedPolicy


class GatedPolicy(ExportedPolicy):
    """Policy with `GatedWeights`."""

    def scores(self, observation: np.ndarray) -> np.ndarray:
        """See `ExportedPolicy.scores`."""
        w = self.weights
        rows = observation.reshape(-1, len(w.row_weight))
        return (rows @ w.row_weight).ravel() + ((rows @ w.gate) * (rows @ w.gated_weight)).sum(axis=1)
