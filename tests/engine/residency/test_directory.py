"""Which record stands for a segment in a pool: the table says what a dictionary says."""

from collections.abc import Sequence

import numpy as np
import pytest

from agentsim_env.engine.core.state import NONE, State
from agentsim_env.engine.residency import residency
from tests.engine.hand_made import bound, state

find = bound(residency.find)
new_record = bound(residency.new_record)
remove = bound(residency.remove)

N_POOLS = 3


def made_of(n_segments: int) -> State:
    return state([(NONE, 1)] * n_segments, n_instances=N_POOLS, kv_blocks=1000)


@pytest.mark.parametrize(
    "segments", [range(40), range(0, 320, 8), (0, 9, 18, 27, 36, 45, 54, 63)], ids=["all", "each eighth", "each ninth"]
)
def test_it_finds_what_has_entered_and_was_not_struck(segments: Sequence[int]) -> None:
    rng = np.random.default_rng(len(segments))
    made = made_of(max(segments) + 1)
    inside: dict[tuple[int, int], int] = {}
    for _ in range(300):
        key = int(rng.choice(segments)), int(rng.integers(N_POOLS))
        if key in inside:
            remove(made, inside.pop(key))
        else:
            inside[key] = int(new_record(made, *key, 1))
        assert find(made, *key) == inside.get(key, NONE)
    for segment in segments:
        for pool in range(N_POOLS):
            assert find(made, segment, pool) == inside.get((segment, pool), NONE)
    assert np.count_nonzero(made.place) == len(inside) == made.world["n_entered"][0]
