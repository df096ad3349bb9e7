"""Parts of a scenario that keep what has been worked out from them."""

from collections.abc import Mapping
from typing import Any, Self

from agentsim_env.fields.base import Part


class CachedPart(Part):
    """A part with cached properties. Copies start without them, as a copy may have other values.

    Comparing looks at the fields alone: what is cached are arrays, which do not compare as a whole.
    """

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._fields_of(vars(self)) == self._fields_of(vars(other))

    def __hash__(self) -> int:
        return hash((type(self), *self._fields_of(vars(self)).values()))

    def __copy__(self) -> Self:
        return self._without_cache(super().__copy__())

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self._without_cache(super().__deepcopy__(memo))

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        return {**state, "__dict__": self._fields_of(state["__dict__"])}

    @classmethod
    def _without_cache(cls, copy: Self) -> Self:
        object.__setattr__(copy, "__dict__", cls._fields_of(copy.__dict__))
        return copy

    @classmethod
    def _fields_of(cls, attributes: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in attributes.items() if name in cls.model_fields}
