"""An evolution strategy: a mean that moves towards those of its neighbours that did better.

Salimans et al., "Evolution Strategies as a Scalable Alternative to Reinforcement Learning" (arXiv 1703.03864):
antithetic pairs, ranks in the place of returns, Adam. A search may climb instead, to the best of its neighbours.
Everything random is drawn from the seed and the number of the generation, so the mean, Adam's moments and that number
are the whole state.
"""

from dataclasses import dataclass

import numpy as np

ALGORITHM = "es"
"""Its name beside the algorithms of Stable-Baselines3."""

_DECAY_1, _DECAY_2, _TINY = 0.9, 0.999, 1e-8
"""Of Adam (arXiv 1412.6980), its defaults."""


@dataclass
class Strategy:
    """Where a search stands.

    Attributes:
        seed: Of all that is drawn.
        sigma: Standard deviation of the neighbours, in each weight.
        pairs: Antithetic pairs of a generation.
        mean: The present weights, `float64 [weights]`.
        first: Mean of the gradients.
        second: Mean of their squares.
        searched: Which weights move, `bool [weights]`.
        norm: Length at which the mean of these is kept, where only its direction counts; 0: it is not.
        spread: Pairs are drawn further away or nearer, by up to so many times.
        generation: How many generations there were.
    """

    seed: int
    sigma: float
    pairs: int
    mean: np.ndarray
    first: np.ndarray
    second: np.ndarray
    searched: np.ndarray
    norm: float = 0.0
    spread: float = 1.0
    generation: int = 0

    @classmethod
    def begin(
        cls,
        seed: int,
        sigma: float,
        pairs: int,
        mean: np.ndarray,
        searched: np.ndarray | None = None,
        norm: float = 0.0,
        spread: float = 1.0,
    ) -> "Strategy":
        """A search that begins at a mean; `searched` is by default all of it."""
        mean = np.array(mean, np.float64)
        searched = np.ones(len(mean), bool) if searched is None else searched
        return cls(seed, sigma, pairs, mean, np.zeros_like(mean), np.zeros_like(mean), searched, norm, spread)

    def members(self) -> np.ndarray:
        """The neighbours of this generation, `float32 [2 * pairs, weights]`: the others of the pairs come behind."""
        offsets = self.sigma * self._noise()
        return np.concatenate((self.mean + offsets, self.mean - offsets)).astype(np.float32)

    def learn(self, returns: np.ndarray, learning_rate: float) -> None:
        """Move the mean, and go on to the next generation.

        Args:
            returns: What the members came to, `float64 [members, episodes]`; an episode is the same for all.
            learning_rate: Step of Adam in each weight.
        """
        weights = centred_ranks(returns.mean(axis=1))
        gradient = (weights[: self.pairs] - weights[self.pairs :]) @ self._noise() / (2 * self.pairs * self.sigma)
        self.generation += 1
        self.first = _DECAY_1 * self.first + (1.0 - _DECAY_1) * gradient
        self.second = _DECAY_2 * self.second + (1.0 - _DECAY_2) * gradient**2
        first = self.first / (1.0 - _DECAY_1**self.generation)
        second = self.second / (1.0 - _DECAY_2**self.generation)
        self.mean = self.mean + learning_rate * first / (np.sqrt(second) + _TINY)
        self._keep_norm()

    def move_to(self, member: np.ndarray) -> None:
        """Take a neighbour's place, or stay where it is the mean itself, and go on to the next generation."""
        self.generation += 1
        self.mean = np.array(member, np.float64)
        self._keep_norm()

    def _keep_norm(self) -> None:
        if self.norm > 0.0:
            moved = self.mean * self.searched
            self.mean += moved * (self.norm / np.linalg.norm(moved) - 1.0)

    def _noise(self) -> np.ndarray:
        """Offsets of this generation in standard deviations, `float64 [pairs, weights]`."""
        rng = np.random.default_rng((self.seed, self.generation))
        noise = rng.standard_normal((self.pairs, len(self.mean))) * self.searched
        if self.spread > 1.0:
            noise *= self.spread ** rng.uniform(-1.0, 1.0, (self.pairs, 1))
        return noise


def centred_ranks(values: np.ndarray) -> np.ndarray:
    """From -1/2 for the least to 1/2 for the largest; equal values share the mean of their ranks."""
    ordered = np.sort(values)
    ranks = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right") - 1) / 2
    return ranks / max(1, len(values) - 1) - 0.5
