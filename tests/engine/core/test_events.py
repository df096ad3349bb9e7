"""The clock: events come in the order (time, kind, id), instances in the order (end of run, number)."""

import numpy as np
import pytest

from agentsim_env.engine.core import events
from agentsim_env.engine.core.state import State
from tests.engine.hand_made import bound, state

push, pop, withdraw = bound(events.push), bound(events.pop), bound(events.withdraw)
set_due, clear_due = bound(events.set_due), bound(events.clear_due)


def pop_all(made: State) -> list[tuple[float, int, int]]:
    """What comes out of the heap, until it is empty."""
    out = []
    while made.world["n_events"][0]:
        time_s = float(made.event["time_s"][0])
        kind, number = pop(made)
        out.append((time_s, int(kind), int(number)))
    return out


def test_kinds_are_numbered_in_their_order() -> None:
    """docs/semantics.md: what happens first at equal times."""
    first = ("INSTANCE_DOWN", "INSTANCE_UP", "PROGRAM_ARRIVAL", "TOOL_END", "TOOL_RETRY", "EDGE_DONE", "STEP_BEGIN")
    order = (*first, "TURN_READY", "CONTROL_TICK", "TRANSFER_END", "PIN_EXPIRY", "PREFILL_END", "ITERATION_END")
    assert [getattr(events, name) for name in order] == list(range(len(order)))


def test_earlier_events_come_first_then_kinds_then_ids() -> None:
    made = state()
    given = [(2.0, 0, 0), (1.0, 6, 1), (1.0, 2, 9), (1.0, 6, 0), (0.5, 8, 3), (1.0, 2, 2**31 - 1)]
    for event in given:
        push(made, *event)
    assert pop_all(made) == sorted(given)


@pytest.mark.parametrize("seed", range(10))
def test_an_event_can_be_withdrawn_from_anywhere(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = state(n_events=50)
    given = [(float(rng.integers(6)) / 4, int(rng.integers(9)), number) for number in rng.permutation(50).tolist()]
    for event in given:
        push(made, *event)
    for place in rng.choice(50, 20, replace=False).tolist():
        withdraw(made, *given[place][1:])
        given[place] = (np.inf, 0, 0)
    assert pop_all(made) == sorted(event for event in given if np.isfinite(event[0]))


@pytest.mark.parametrize("seed", range(10))
def test_any_mixture_of_pushes_and_pops_keeps_the_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = state(n_events=400)
    inside: list[tuple[float, int, int]] = []
    for _ in range(400):
        if inside and rng.random() < 0.4:
            first = float(made.event["time_s"][0])
            assert (first, *map(int, pop(made))) == min(inside)
            inside.remove(min(inside))
        else:
            inside.append((float(rng.integers(6)) / 4, int(rng.integers(9)), int(rng.integers(1000))))
            push(made, *inside[-1])
    assert pop_all(made) == sorted(inside)


@pytest.mark.parametrize("seed", range(10))
def test_the_instance_that_is_due_first_is_on_top(seed: int) -> None:
    """Runs begin, are cut (their end moves to the front), are put off and end."""
    rng = np.random.default_rng(seed)
    made = state(n_instances=13)
    due: dict[int, float] = {}
    for _ in range(300):
        i = int(rng.integers(13))
        if rng.random() < 0.3:
            clear_due(made, i)
            due.pop(i, None)
        else:
            due[i] = float(rng.integers(8)) / 4
            set_due(made, i, due[i])
        n = int(made.world["n_due"][0])
        assert n == len(due)
        assert sorted(made.due["instance"][:n].tolist()) == sorted(due)
        if due:
            assert made.due["instance"][0] == min(due, key=lambda k: (due[k], k))
        for k in range(13):
            place = int(made.due_at[k])
            assert (place >= 0) == (k in due)
            assert place < 0 or made.due["instance"][place] == k
    while due:
        first = int(made.due["instance"][0])
        assert first == min(due, key=lambda k: (due[k], k))
        clear_due(made, first)
        del due[first]


def test_an_instance_without_a_run_can_be_cleared_again() -> None:
    made = state(n_instances=2)
    clear_due(made, 1)
    assert made.world["n_due"][0] == 0
