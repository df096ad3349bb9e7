"""Random streams by name."""

import numpy as np


class Streams:
    """Gives a generator for each purpose, with bits of its own: a new draw for one of them moves no other."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.given: set[str] = set()

    def __call__(self, purpose: str) -> np.random.Generator:
        """The generator for a purpose, which nothing else may draw from."""
        assert purpose not in self.given, f"two purposes share the stream {purpose!r}"
        self.given.add(purpose)
        return np.random.default_rng([self.seed, *purpose.encode()])
