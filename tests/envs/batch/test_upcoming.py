"""What comes next is made ahead by a thread, once, for whoever asked first."""

import gc
import threading
import time
import weakref
from collections.abc import Callable

import pytest

from agentsim_env.envs.batch.upcoming import Upcoming


def until(holds: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 10.0
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.001)


def test_is_made_ahead_by_another_thread() -> None:
    made: list[tuple[int, bool]] = []
    main = threading.get_ident()

    def make(place: int) -> str:
        made.append((place, threading.get_ident() == main))
        return f"next of {place}"

    upcoming = Upcoming(make, most=2)
    for place in (3, 1, 2):
        upcoming.want(place)
    until(lambda: len(made) == 2)
    assert upcoming.take(3) == "next of 3"
    until(lambda: len(made) == 3)
    assert made == [(3, False), (1, False), (2, False)]
    assert [upcoming.take(place) for place in (2, 1)] == ["next of 2", "next of 1"]


def test_is_made_at_once_where_it_is_not_there_yet() -> None:
    made: list[int] = []
    upcoming = Upcoming(lambda place: made.append(place) or place, most=1)
    upcoming.want(0)
    until(lambda: made == [0])
    upcoming.want(1)
    assert upcoming.take(1) == 1
    assert made == [0, 1]
    assert upcoming.take(0) == 0


def test_what_went_wrong_comes_where_it_is_taken() -> None:
    def make(place: int) -> int:
        raise KeyError(place)

    upcoming = Upcoming(make, most=1)
    upcoming.want(4)
    with pytest.raises(KeyError, match="4"):
        upcoming.take(4)


def test_what_is_forgotten_is_made_anew() -> None:
    made: list[int] = []
    upcoming = Upcoming(lambda place: made.append(place) or len(made), most=1)
    upcoming.want(0)
    until(lambda: made == [0])
    upcoming.forget()
    assert upcoming.take(0) == 2


def test_its_thread_ends_with_it() -> None:
    before = set(threading.enumerate())
    upcoming = Upcoming(lambda place: place, most=1)
    upcoming.want(0)
    (thread,) = set(threading.enumerate()) - before
    there = weakref.ref(upcoming)
    del upcoming
    gc.collect()
    assert there() is None
    thread.join(10.0)
    assert not thread.is_alive()
