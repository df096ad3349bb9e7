"""Chance for rules that want it."""

WORD = 2**64


def hash01(seed: int, counter: int) -> float:
    """A number in [0, 1) from splitmix64's finaliser."""
    z = (seed + (counter + 1) * 0x9E3779B97F4A7C15) % WORD
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    z ^= z >> 31
    return (z >> 11) * 2.0**-53
