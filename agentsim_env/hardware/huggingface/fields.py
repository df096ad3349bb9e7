"""Typed access to the fields of a `config.json`, with errors that name file, field, value and what is allowed."""

import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from agentsim_env.errors import AgentSimWarning
from agentsim_env.hardware.dtypes import UnknownHardwareError

# Upper bounds of what a field may say, far above any published model: what is larger is a mistake.
MOST_LAYERS = 1024
MOST_HEADS = 4096
WIDEST = 1 << 20
MOST_EXPERTS = 1 << 14
LARGEST_VOCABULARY = 1 << 24
LONGEST_CONTEXT = 1 << 31


class ModelWarning(AgentSimWarning):
    """Something of a model was assumed, or is not what its name says."""


class Fields:
    """The fields of one object of a `config.json`; it knows which have been asked for.

    Args:
        place: File (and object in it), for messages.
        values: The fields; those that are `null` count as missing.
    """

    def __init__(self, place: str, values: Mapping[str, Any]) -> None:
        self.place = place
        self.values = {key: value for key, value in values.items() if value is not None}
        self.asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        """Whether the field is given; that counts as having asked for it."""
        self.asked.add(key)
        return key in self.values

    def get(self, key: str, default: Any = None) -> Any:
        """The field as it is."""
        self.asked.add(key)
        return self.values.get(key, default)

    def ignore(self, *keys: str) -> None:
        """Marks fields as understood: they change nothing here."""
        self.asked.update(keys)

    def ignore_like(self, names: re.Pattern[str]) -> None:
        """Marks fields whose names match from the start: they are about a part that the model does not have."""
        self.asked.update(key for key in self.values if names.match(key))

    def error(self, key: str, allowed: str) -> UnknownHardwareError:
        """An error about the value of `key`."""
        return UnknownHardwareError(f"{self.place}: {key} is {_short(self.values.get(key))}; it must be {allowed}")

    def refuse(self, key: str, what: str) -> UnknownHardwareError:
        """An error about a field that is understood and not supported."""
        return UnknownHardwareError(f"{self.place}: {key} is {_short(self.values.get(key))}: {what}")

    def warn(self, text: str) -> None:
        """Warns about these fields."""
        warnings.warn(f"{self.place}: {text}", ModelWarning, stacklevel=2)

    def missing(self, key: str, *other_names: str) -> UnknownHardwareError:
        """An error about a field that is needed."""
        also = f" (or {', '.join(other_names)})" if other_names else ""
        return UnknownHardwareError(f"{self.place}: missing {key}{also}")

    def name(self, keys: Sequence[str]) -> str | None:
        """The one of several names of a field that is given.

        Raises:
            UnknownHardwareError: If two are given and contradict each other.
        """
        given = [key for key in keys if key in self]
        for other in given[1:]:
            one, another = self.values[given[0]], self.values[other]
            if one != another:
                raise UnknownHardwareError(
                    f"{self.place}: {given[0]} is {_short(one)} and {other} is {_short(another)}; they mean the same"
                )
        return given[0] if given else None

    def whole(self, keys: Sequence[str], default: int | None = None, low: int = 1, high: int = WIDEST) -> int:
        """A whole number from `low` to `high`, under the first name that is given.

        Raises:
            UnknownHardwareError: If it is something else, or missing without a default.
        """
        key = self.name(keys)
        if key is None:
            if default is None:
                raise self.missing(*keys)
            return default
        return self._checked(key, self.values[key], low, high)

    def per_layer(
        self, keys: Sequence[str], layers: int, default: int | None = None, low: int = 1, high: int = WIDEST
    ) -> list[int]:
        """One whole number for each layer, from a list or from one number for all."""
        key = self.name(keys)
        value = None if key is None else self.values[key]
        if key is None or not isinstance(value, list):
            return [self.whole(keys, default, low, high)] * layers
        if len(value) < layers:
            raise self.error(key, f"a number or a list with one for each of the {layers} layers, not {len(value)}")
        return [self._checked(f"{key}[{i}]", item, low, high) for i, item in enumerate(value[:layers])]

    def flag(self, key: str, default: bool = False) -> bool:
        """True or false."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(key, "true or false")
        return value

    def word(self, key: str, default: str = "") -> str:
        """A string."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.error(key, "a string")
        return value

    def number(self, key: str, default: float | None, low: float, high: float) -> float:
        """A finite number from `low` to `high`."""
        value = self.get(key, default)
        if value is None:
            raise self.missing(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.error(key, f"a number from {low:g} to {high:g}")
        return float(value)

    def words(self, key: str, layers: int, allowed: Collection[str]) -> list[str] | None:
        """One word for each layer; further ones, of layers that only predict ahead, are left out."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) < layers:
            raise self.error(key, f"a list with one entry for each of the {layers} layers")
        for i, word in enumerate(value[:layers]):
            if not isinstance(word, str) or word not in allowed:
                raise UnknownHardwareError(
                    f"{self.place}: {key}[{i}] is {_short(word)}; known are {', '.join(sorted(allowed))}"
                )
        return value[:layers]

    def indices(self, key: str, layers: int, first: int = 0) -> set[int] | None:
        """Numbers of layers, counted from `first`; returned counted from 0."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self.error(key, "a list of numbers of layers")
        most = max(layers, MOST_LAYERS)
        return {self._checked(f"{key}[{i}]", item, first, most) - first for i, item in enumerate(value)}

    def nested(self, key: str) -> "Fields | None":
        """The object under `key`."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise self.error(key, "an object of fields")
        return Fields(f"{self.place}: {key}", value)

    def _checked(self, key: str, value: Any, low: int, high: int) -> int:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not whole or not low <= value <= high:
            raise UnknownHardwareError(
                f"{self.place}: {key} is {_short(value)}; it must be a whole number from {low} to {high}"
            )
        return int(value)


def _short(value: Any) -> str:
    text = re.sub(r"\s+", " ", repr(value)) if not isinstance(value, int) or abs(value) < 10**30 else "a huge number"
    return text if len(text) <= 80 else f"{text[:77]}..."
