"""What was made last, to be used again."""

from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Kept(Generic[Made]):
    """The latest of what was made, by key; several threads may use it, which at worst make something twice.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._made: dict[str, Made] = {}

    def get(self, key: str, make: Callable[[], Made]) -> Made:
        """What was made for a key, or is made now."""
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = make()
            for oldest in list(self._made)[: -self._most]:
                self._made.pop(oldest, None)
        return found
