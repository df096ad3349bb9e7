"""How the arrays of a state lie in memory."""

import numpy as np
import pytest

from agentsim_env.engine.core.state import INSTANCE, LAYOUT, POOL, RESIDENT, SLOT, State, handle
from tests.engine.hand_made import state


def test_a_fresh_state_has_the_layout_that_its_annotations_declare() -> None:
    made = state()
    assert tuple(LAYOUT) == State._fields
    for array, (address, *shape) in zip(made, handle(made).T, strict=True):
        assert address == array.ctypes.data
        assert tuple(shape[: array.ndim]) == array.shape


@pytest.mark.parametrize(
    "wrong", [np.zeros(2, "i8"), np.zeros((2, 2), "i4"), np.zeros(4, "i4")[::2]], ids=["type", "dimensions", "gaps"]
)
def test_an_array_of_another_layout_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(TypeError, match=r"state\.holder must be a contiguous 1-d array of int32"):
        handle(state()._replace(holder=wrong))


@pytest.mark.parametrize("record", [INSTANCE, SLOT, POOL, RESIDENT], ids=["instance", "slot", "pool", "resident"])
def test_what_is_looked_at_all_the_time_lies_on_whole_cache_lines(record: np.dtype) -> None:
    assert record.itemsize % 64 == 0


@pytest.mark.parametrize(
    ("record", "last"),
    [(INSTANCE, "iteration"), (SLOT, "chunk"), (POOL, "staged_blocks"), (RESIDENT, "previous_holder")],
)
def test_what_is_looked_at_together_lies_in_one_cache_line(record: np.dtype, last: str) -> None:
    ends = {str(name): column[1] + column[0].itemsize for name, column in (record.fields or {}).items()}
    together = list(ends)[: list(ends).index(last) + 1]
    assert max(ends[name] for name in together) <= 64
