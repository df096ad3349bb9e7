"""Sums in a given order: what is equal by the semantics is equal to the bit in both simulators."""

from collections.abc import Iterable


def added(numbers: Iterable[float]) -> float:
    """Their sum, from left to right; Python's `sum` of floats rounds otherwise from 3.12 on."""
    total = 0.0
    for number in numbers:
        total += number
    return total
