"""What is left of numba's front end: the same results, and an error where a function does what it was left out for."""

import numpy as np
import pytest
from numba.core.errors import NumbaError

from agentsim_env.engine.core.jit import COMPILED, allocating, entry

pytestmark = pytest.mark.skipif(not COMPILED, reason="plain Python has no front end")


@entry
def second_from_the_end(row):
    row[-1] += row[0] // 2
    return row[-2], row[-1]


@entry
def thrice(n):
    return len([n, n, n])


@entry
@allocating
def total(n):
    numbers = np.zeros(n)
    for k in range(n):
        numbers = numbers + k
    return numbers.sum()


def test_numbers_from_the_end_count_from_there() -> None:
    assert second_from_the_end(np.array([7, 1, 2])) == (1, 5)


def test_what_makes_arrays_has_to_say_so() -> None:
    with pytest.raises(NumbaError, match=r"NRT required but not enabled(.|\n)*test_front_end\.py"):
        thrice(1)


def test_what_has_said_so_may() -> None:
    assert total(4) == 24.0
