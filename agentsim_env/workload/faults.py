"""Failures of instances, drawn before the episode."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from agentsim_env.scenario.cluster import Cluster, Instance

FAULT = np.dtype(
    [
        ("time_s", "f8"),
        ("instance", "i4"),
        ("up", "i1"),  # 1: the instance is back; 0: it fails
    ],
    align=True,
)


def draw_faults(cluster: "Cluster", horizon_s: float, rng: np.random.Generator) -> np.ndarray:
    """Failures and returns of all instances.

    Each failure is followed by a return. Instances have generators of their own, so that neither a longer horizon nor
    another instance changes what is drawn for one.

    Args:
        cluster: The cluster; its instances fail at fixed times, at random (`mtbf_s`, `mttr_s`) or never.
        horizon_s: Failures at this time and later are left out; their returns may be later.
        rng: Generator that those of the instances are spawned from.

    Returns:
        `FAULT` array, sorted by time and instance; failures and returns of an instance alternate.

    Raises:
        ValueError: If failures are random and `horizon_s` is not finite.
    """
    groups = [group for group in cluster.instances for _ in range(group.count)]
    events = [
        (time_s, instance, up)
        for instance, (group, own) in enumerate(zip(groups, rng.spawn(len(groups)), strict=True))
        for outage in _outages(group, horizon_s, own)
        for up, time_s in enumerate(outage)
    ]
    # The sort is stable: where one outage ends as the next begins, the return stays before the failure.
    return np.array(sorted(events, key=lambda event: event[:2]), FAULT)


def _outages(instance: "Instance", horizon_s: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    """(failure, return) of one instance."""
    if instance.mtbf_s is None or instance.mttr_s is None:
        return [(f.at_s, f.at_s + f.down_s) for f in instance.failures if f.at_s < horizon_s]
    if not np.isfinite(horizon_s):
        raise ValueError("horizon_s: must be finite where an instance has an mtbf_s")
    outages: list[tuple[float, float]] = []
    now_s = instance.start_s
    while True:
        failure_s = now_s + instance.mtbf_s * rng.standard_exponential()
        if failure_s >= horizon_s:
            return outages
        now_s = failure_s + instance.mttr_s * rng.standard_exponential()
        outages.append((failure_s, now_s))
