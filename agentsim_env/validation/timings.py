"""What happened to each request of a run, measured or simulated, and the statistics of it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STATISTICS = ("mean", "p50", "p90", "p95", "p99")
METRICS = ("ttft_s", "tpot_s", "e2e_s")
OVER_ALL = ("itl_s", "tokens_per_s")
"""Metrics that are one number of a run: time between tokens over all tokens (mean), output tokens a second (total)."""


class Timings(NamedTuple):
    """Requests, one an entry; seconds since the start of the run.

    Attributes:
        arrival_s: When the client sent it.
        prompt_tokens: Length of its prompt.
        output_tokens: Tokens that it was given.
        first_token_s: When the first of them appeared.
        end_s: When the last did.
    """

    arrival_s: Array
    prompt_tokens: Array
    output_tokens: Array
    first_token_s: Array
    end_s: Array

    @property
    def ttft_s(self) -> Array:
        """Time to the first token."""
        return self.first_token_s - self.arrival_s

    @property
    def tpot_s(self) -> Array:
        """Mean time per token after the first; NaN for a single token."""
        further = np.where(self.output_tokens > 1, self.output_tokens - 1, np.nan)
        return (self.end_s - self.first_token_s) / further

    @property
    def e2e_s(self) -> Array:
        """Time to the last token."""
        return self.end_s - self.arrival_s

    @property
    def itl_s(self) -> float:
        """Mean time between two tokens, over the tokens of all requests; NaN without any."""
        further = float(np.sum(self.output_tokens - 1))
        return float(np.sum(self.end_s - self.first_token_s)) / further if further > 0 else float("nan")

    @property
    def tokens_per_s(self) -> float:
        """Output tokens per second from the first arrival to the last token."""
        return float(np.sum(self.output_tokens) / (np.max(self.end_s) - np.min(self.arrival_s)))

    def statistic(self, metric: str, name: str) -> float:
        """One statistic of one metric; NaN if no request has it.

        Args:
            metric: One of `METRICS` or `OVER_ALL`.
            name: One of `STATISTICS`; of `OVER_ALL` there is one only.
        """
        if metric in OVER_ALL:
            return getattr(self, metric)
        values = getattr(self, metric)
        values = values[np.isfinite(values)]
        if len(values) == 0:
            return float("nan")
        return float(np.mean(values) if name == "mean" else np.quantile(values, float(name[1:]) / 100))
