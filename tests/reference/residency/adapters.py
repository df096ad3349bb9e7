"""Adapters in the HBM of one instance (semantics, "Adapters")."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.reference.loads.loads import Load


class AdapterSlots:
    """Room for so many adapters, each there or on its way.

    Attributes:
        there: Those that can be used, the one that was let go longest ago first.
        users: Running turns that use each of them.
        on_way: Loads that bring the others.

    Args:
        slots: How many.
        order: The adapter with the highest value gives way first, of equals the one that was let go longest ago.
    """

    def __init__(self, slots: int, order: Callable[[int], float]) -> None:
        self.slots = slots
        self.order = order
        self.lookups = 0
        self.hits = 0
        self.loads = 0
        self.clear()

    def clear(self) -> None:
        self.there: list[int] = []
        self.users: dict[int, int] = {}
        self.on_way: dict[int, Load] = {}

    def copy(self) -> AdapterSlots:
        other = copy.copy(self)
        other.there, other.users, other.on_way = list(self.there), dict(self.users), dict(self.on_way)
        return other

    def lacks(self, adapter: int | None) -> bool:
        return adapter is not None and adapter not in self.there and adapter not in self.on_way

    def is_there(self, adapter: int | None) -> bool:
        return adapter is None or adapter in self.there

    @property
    def unused(self) -> list[int]:
        return [adapter for adapter in self.there if not self.users.get(adapter)]

    @property
    def is_full(self) -> bool:
        return len(self.there) + len(self.on_way) == self.slots

    def can_have(self, adapter: int | None) -> bool:
        return not self.lacks(adapter) or not self.is_full or bool(self.unused)

    @property
    def victim(self) -> int | None:
        """Who gives way to another adapter; None while a slot is empty."""
        return max(self.unused, key=self.order) if self.is_full else None

    def expect(self, adapter: int, load: Load) -> None:
        victim = self.victim
        if victim is not None:
            self.there.remove(victim)
        self.on_way[adapter] = load

    def arrive(self, adapter: int) -> None:
        del self.on_way[adapter]
        self.there.append(adapter)
        self.loads += 1

    def use(self, adapter: int | None, waited: bool) -> None:
        """A turn joins the batch."""
        if adapter is not None:
            assert adapter in self.there
            self.users[adapter] = self.users.get(adapter, 0) + 1
            self.lookups += 1
            self.hits += not waited

    def let_go(self, adapter: int | None) -> None:
        """A turn leaves the batch."""
        if adapter is not None:
            self.users[adapter] -= 1
            self.there.remove(adapter)
            self.there.append(adapter)
