"""Failures of instances, drawn as far as an episode comes."""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import NamedTuple, Protocol

import numpy as np

FAULT = np.dtype(
    [
        ("time_s", "f8"),
        ("instance", "i4"),
        ("up", "i1"),  # 1: the instance is back; 0: it fails
    ],
    align=True,
)


class Failure(Protocol):
    """A planned outage (`agentsim_env.scenario.cluster.Failure`)."""

    @property
    def at_s(self) -> float:
        """When it begins."""
        ...

    @property
    def down_s(self) -> float:
        """How long it takes."""
        ...


class Group(Protocol):
    """Instances of a cluster that fail alike (`agentsim_env.scenario.cluster.Instance`)."""

    @property
    def count(self) -> int:
        """How many they are."""
        ...

    @property
    def start_s(self) -> float:
        """When they can serve."""
        ...

    @property
    def failures(self) -> Sequence[Failure]:
        """Planned outages."""
        ...

    @property
    def mtbf_s(self) -> float | None:
        """Mean time from a return to the next failure; None if they do not fail at random."""
        ...

    @property
    def mttr_s(self) -> float | None:
        """Mean time from such a failure to the return."""
        ...


class _Outage(NamedTuple):
    failure_s: float
    return_s: float


class Faults:
    """Failures and returns of all instances of a cluster, in order of time and instance.

    Each failure is followed by a return; failures and returns of an instance alternate. Instances have generators of
    their own, so that neither how many are asked for nor another instance changes what is drawn for one.

    Args:
        groups: The instances of the cluster; they fail at fixed times, at random (`mtbf_s`, `mttr_s`) or never.
        horizon_s: Failures at this time and later are left out; their returns may be later.
        rng: Generator that those of the instances are spawned from.
    """

    def __init__(self, groups: Sequence[Group], horizon_s: float, rng: np.random.Generator) -> None:
        self._horizon_s = horizon_s
        self._groups = [group for group in groups for _ in range(group.count)]
        self._planned = [outages for group in groups for outages in [_planned(group)] * group.count]
        self._rngs = rng.spawn(len(self._groups))
        self._outages = [0] * len(self._groups)
        self._drawn: list[tuple[float, int, int]] = []
        # Next of each instance: time, instance, and for a failure its return, which no other failure comes before.
        self._next: list[tuple[float, int, float | None]] = []
        for i, group in enumerate(self._groups):
            self._fail_after(i, group.start_s)
        heapify(self._next)

    def part(self, first: int, n: int) -> np.ndarray:
        """`FAULT` array of up to `n` of them from number `first` on; fewer where there are no more."""
        while len(self._drawn) < first + n and self._next:
            self._draw()
        return np.array(self._drawn[first : first + n], FAULT)

    def _draw(self) -> None:
        time_s, i, return_s = heappop(self._next)
        self._drawn.append((time_s, i, int(return_s is None)))
        if return_s is None:
            self._fail_after(i, time_s)
        else:
            heappush(self._next, (return_s, i, None))

    def _fail_after(self, i: int, now_s: float) -> None:
        outage = self._next_outage(i, now_s)
        self._outages[i] += 1
        if outage is not None and outage.failure_s < self._horizon_s:
            heappush(self._next, (outage.failure_s, i, outage.return_s))

    def _next_outage(self, i: int, now_s: float) -> _Outage | None:
        """The next outage of instance `i`, which is up from `now_s` on; None where there is none any more."""
        group, rng = self._groups[i], self._rngs[i]
        if group.mtbf_s is not None and group.mttr_s is not None:
            failure_s = now_s + group.mtbf_s * rng.standard_exponential()
            return _Outage(failure_s, failure_s + group.mttr_s * rng.standard_exponential())
        planned = self._planned[i]
        return planned[self._outages[i]] if self._outages[i] < len(planned) else None


def _planned(group: Group) -> list[_Outage]:
    """Planned outages in order; those that touch are one, as an instance that is down cannot fail."""
    outages: list[_Outage] = []
    for failure in group.failures:
        begin_s, end_s = failure.at_s, failure.at_s + failure.down_s
        if outages and begin_s <= outages[-1].return_s:
            begin_s = outages.pop().failure_s
        outages.append(_Outage(begin_s, end_s))
    return outages


def may_fail(groups: Sequence[Group]) -> bool:
    """Whether any instance of a cluster fails, as far as its scenario says."""
    return any(group.failures or group.mtbf_s is not None for group in groups)


def draw_faults(groups: Sequence[Group], horizon_s: float, rng: np.random.Generator) -> np.ndarray:
    """All faults of a cluster up to a time, as a `FAULT` array; see `Faults`.

    Raises:
        ValueError: If failures are random and `horizon_s` is not finite.
    """
    if not np.isfinite(horizon_s) and any(group.mtbf_s is not None for group in groups):
        raise ValueError("horizon_s: must be finite where an instance has an mtbf_s")
    faults, n = Faults(groups, horizon_s, rng), 1024
    while len(drawn := faults.part(0, n)) == n:
        n *= 2
    return drawn
