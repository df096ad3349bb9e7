"""The threads of a batch beside the one that calls it."""

import threading
import weakref

from agentsim_env.envs.batch.stepping import STOP, Plan, Rows, take_part

_LONGEST_WAIT_S = 60.0


class Workers:
    """Threads that take part in the steps of a batch: they wait in compiled code for a while, and then in Python.

    Whoever is late, or not there at all, costs nothing: the others do its share.

    Args:
        plan: What they share; its arrays stay where they are.
        rows: Likewise.
    """

    def __init__(self, plan: Plan, rows: Rows) -> None:
        self._control = plan.control
        self._wanted = [threading.Event() for _ in range(1, plan.threads)]
        for number, wanted in enumerate(self._wanted, start=1):
            threading.Thread(target=_serve, args=(number, plan, rows, wanted), daemon=True).start()
        self.close = weakref.finalize(self, _stop, plan, self._wanted)

    def wake(self) -> None:
        """Have those that wait in Python look for work."""
        for wanted in self._wanted:
            if not wanted.is_set():
                wanted.set()


def _serve(number: int, plan: Plan, rows: Rows, wanted: threading.Event) -> None:
    while not plan.control[STOP]:
        take_part(number, plan, rows)
        wanted.clear()
        if not plan.control[STOP]:
            wanted.wait(_LONGEST_WAIT_S)


def _stop(plan: Plan, wanted: list[threading.Event]) -> None:
    plan.control[STOP] = 1
    for event in wanted:
        event.set()
