"""What instances that share a GPU must have in common, and what they may take of it together."""

from collections.abc import Sequence
from typing import Protocol

from agentsim_env.fields.problems import not_allowed

_ROUNDING = 1e-9


class Sharing(Protocol):
    """What is looked at of an instance, or of `count` equal ones."""

    gpu: str
    count: int
    tp: int
    shares_gpu: str | None
    gpu_memory_utilization: float
    kv_blocks: int | None


def check_shared_gpus(instances: Sequence[Sharing]) -> None:
    """Those that name one GPU mean the same, are several, and take no more of its memory than there is.

    Raises:
        ValidationError: At the field of a cluster that is wrong.
    """
    groups: dict[str, list[int]] = {}
    for i, instance in enumerate(instances):
        if instance.shares_gpu is not None:
            groups.setdefault(instance.shares_gpu, []).append(i)
    for name, group in groups.items():
        first = instances[group[0]]
        if sum(instances[i].count for i in group) == 1:
            reason = "must be a name that another instance gives too, or null: it shares with nobody"
            raise not_allowed(reason, name, ["instances", group[0], "shares_gpu"])
        for i in group:
            _check_alike(first, instances[i], i)
        _check_memory(instances, group)


def _check_alike(first: Sharing, instance: Sharing, i: int) -> None:
    for field in ("gpu", "tp"):
        expected, found = getattr(first, field), getattr(instance, field)
        if found != expected:
            reason = f"must be {expected}: another instance that shares {instance.shares_gpu} has it"
            raise not_allowed(reason, found, ["instances", i, field])


def _check_memory(instances: Sequence[Sharing], group: Sequence[int]) -> None:
    """Of those whose KV blocks follow from their share of the memory."""
    sized = [i for i in group if instances[i].kv_blocks is None]
    total = sum(instances[i].count * instances[i].gpu_memory_utilization for i in sized)
    if total > 1 + _ROUNDING:
        last = instances[sized[-1]]
        reason = f"the instances that share {last.shares_gpu} must take at most 1 together, and take {total:g}"
        raise not_allowed(reason, last.gpu_memory_utilization, ["instances", sized[-1], "gpu_memory_utilization"])
