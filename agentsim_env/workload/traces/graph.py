"""Order among the turns of a program."""

from collections.abc import Sequence


def topological_order(parents: Sequence[Sequence[int]]) -> list[int] | None:
    """Indices such that each comes after its parents, as early in the given order as that allows.

    Args:
        parents: Parents of each index.

    Returns:
        The order, or None if there is a cycle.
    """
    waits = [len(set(above)) for above in parents]
    children: list[list[int]] = [[] for _ in parents]
    for child, above in enumerate(parents):
        for parent in set(above):
            children[parent].append(child)
    order: list[int] = []
    front = [index for index, count in enumerate(waits) if count == 0]
    while front:
        following = []
        for index in front:
            order.append(index)
            for child in children[index]:
                waits[child] -= 1
                if waits[child] == 0:
                    following.append(child)
        front = sorted(following)
    return order if len(order) == len(parents) else None
