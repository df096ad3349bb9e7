"""What counts as a whole number where an agent answers."""

from typing import Any

import numpy as np
import pytest
import torch

from agentsim_env import Simulator
from agentsim_env.actions import ActionError, numbered, whole_number
from agentsim_env.errors import AgentSimError
from tests.small import small

WHOLE = [2, np.int64(2), np.uint8(2), np.array(2), np.array(2, np.int32), np.array([2])[0], torch.tensor(2)]

NOT_WHOLE: list[Any] = [
    np.array([2]),
    torch.tensor([2]),
    [2],
    (2,),
    2.0,
    1.7,
    np.float64(2.0),
    np.array(2.0),
    torch.tensor(2.0),
    float("nan"),
    "2",
    b"2",
    None,
    True,
    np.bool_(True),
    np.array(True),
    torch.tensor(True),
    {"action": 2},
    2 + 0j,
]


@pytest.mark.parametrize("action", WHOLE, ids=repr)
def test_whole_numbers_are_taken(action: Any) -> None:
    found = numbered(action, 3)
    assert type(found) is int
    assert found == 2


@pytest.mark.parametrize("action", NOT_WHOLE, ids=repr)
def test_anything_else_is_named_in_the_error(action: Any) -> None:
    assert whole_number(action) is None
    with pytest.raises(ActionError) as refused:
        numbered(action, 3)
    assert str(refused.value) == f"action {action!r} is outside Discrete(3): actions are 0 to 2, whole numbers"
    assert isinstance(refused.value, AgentSimError)
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize("action", [-1, 3, np.int64(3), 10**30])
def test_numbers_out_of_range_are_named_with_the_range(action: Any) -> None:
    with pytest.raises(
        ActionError, match=rf"^action {int(action)} of gateway is outside Discrete\(3\): actions are 0 to 2$"
    ):
        numbered(action, 3, of="gateway")


def test_a_number_that_python_does_not_write_out_is_no_action_either() -> None:
    with pytest.raises(ActionError, match=r"^action a number of thousands of digits is outside Discrete\(3\)"):
        numbered(10**5_000, 3)


@pytest.mark.parametrize("action", NOT_WHOLE, ids=repr)
def test_the_simulator_takes_whole_numbers_only(action: Any) -> None:
    simulator = Simulator(small("equal"), agent_kinds=("route_turn",))
    simulator.reset(seed=0)
    pending = simulator.next_decision()
    with pytest.raises(ActionError) as refused:
        simulator.apply(action)
    assert str(refused.value) == f"route_turn = {action!r} is not legal now; legal are: 0, 1, 2"
    assert simulator.next_decision() is pending
    simulator.apply(np.array(1))  # type: ignore[arg-type]
