"""Episodes that begin next, made ahead by a thread: drawing a workload takes as long as a thousand steps."""

import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Upcoming(Generic[Made]):
    """What comes next for each of N places, one ahead, made in the order in which it is asked for.

    Args:
        make: Makes what comes next for a place; never called for two at once. The thread keeps it.
        most: How many are made ahead at most.
    """

    def __init__(self, make: Callable[[int], Made], most: int) -> None:
        self._shelf: _Shelf[Made] = _Shelf(make, most)
        self.close = weakref.finalize(self, self._shelf.close)

    def want(self, place: int) -> None:
        """Ask for the next one of a place; `take` will be called for it some day."""
        self._shelf.want(place)

    def take(self, place: int) -> Made:
        """The next one of a place that was asked for: made now if it is not there yet.

        What `make` has raised for it comes here.
        """
        return self._shelf.take(place)

    def forget(self) -> None:
        """Throw away all that was asked for or made."""
        self._shelf.forget()


class _Shelf(Generic[Made]):
    """What the thread and those who take share."""

    def __init__(self, make: Callable[[int], Made], most: int) -> None:
        self._make, self._most = make, most
        self._change = threading.Condition()
        self._making = threading.Lock()
        self._wanted: deque[int] = deque()
        self._made: dict[int, Made | BaseException] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def want(self, place: int) -> None:
        with self._change:
            self._wanted.append(place)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            self._change.notify()

    def take(self, place: int) -> Made:
        with self._change:
            found = self._made.pop(place, None)
            self._change.notify()
        if found is None:
            with self._making:  # it may be the one that is being made
                with self._change:
                    found = self._made.pop(place, None)
                    if found is None and place in self._wanted:
                        self._wanted.remove(place)
                if found is None:
                    return self._make(place)
        if isinstance(found, BaseException):
            raise found
        return found

    def forget(self) -> None:
        with self._change:
            self._wanted.clear()
        with self._making, self._change:
            self._made.clear()

    def close(self) -> None:
        with self._change:
            self._closed = True
            self._change.notify()

    def _run(self) -> None:
        while self._make_one():
            pass

    def _make_one(self) -> bool:
        """Wait for something to make, and make it; False when closed."""
        with self._change:
            self._change.wait_for(lambda: self._closed or (self._wanted and len(self._made) < self._most))
            if self._closed:
                return False
        with self._making:
            with self._change:
                if not self._wanted:
                    return True
                place = self._wanted.popleft()
            try:
                made = self._make(place)
            except Exception as error:
                made = error
            with self._change:
                self._made[place] = made
        return True
