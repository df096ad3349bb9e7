"""A scenario in layers: the scenario that it extends, the file itself, overrides on top."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import yaml

from agentsim_env.scenario.randomize import WAYS
from agentsim_env.scenario.strict_yaml import line_of

EXCLUSIVE = (frozenset({"rate_per_s", "load"}), frozenset({"mix", "trace"}), frozenset(WAYS))
"""Fields of which one replaces the others: a layer that gives one of them takes the others of its group away."""

DISCRIMINATOR = "process"
"""Field that says which fields a part has: a layer that changes it replaces the part."""


_NOTHING = object()


def child(data: Any, key: str | int, default: Any = None) -> Any:
    """The value at `key` of a mapping or a list, `default` where there is none."""
    if isinstance(data, dict):
        return data.get(key, default)
    return data[key] if isinstance(data, list) and isinstance(key, int) and key < len(data) else default


class Layer(NamedTuple):
    """One source of values.

    Attributes:
        label: What errors call it: a file, or `--set path=value`.
        data: Values, nested; for an override, integer keys stand for places in a list.
        node: Node tree of the YAML that the values came from, None for an override.
    """

    label: str
    data: Any
    node: yaml.Node | None = None

    def has(self, path: Sequence[str | int]) -> bool:
        """Whether this layer itself gives a value at `path`."""
        value = self.data
        for key in path:
            value = child(value, key, _NOTHING)
        return value is not _NOTHING

    def where(self, path: Sequence[str | int]) -> str:
        """Label and, for a file, the line of `path` or of what should contain it."""
        line = line_of(self.node, path)
        return self.label if line is None else f"{self.label}:{line}"


def merge(below: Any, above: Any) -> Any:
    """Lays `above` over `below`.

    Mappings are merged key by key, where `null` takes the value below away (the field's default holds again);
    everything else, lists too, is replaced. See `EXCLUSIVE` and `DISCRIMINATOR` for the two exceptions.
    """
    if isinstance(below, list) and _is_patch(above, len(below)):
        return [merge(item, above[i]) if i in above else item for i, item in enumerate(below)]
    if isinstance(above, list):
        return [merge(None, item) for item in above]
    if not isinstance(above, dict):
        return above
    merged = dict(below) if isinstance(below, dict) and not _changes_kind(below, above) else {}
    for group in EXCLUSIVE:
        if any(above.get(key) is not None for key in group):
            merged = {key: value for key, value in merged.items() if key not in group or key in above}
    for key, value in above.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def _is_patch(above: Any, length: int) -> bool:
    return isinstance(above, dict) and bool(above) and all(isinstance(k, int) and 0 <= k < length for k in above)


def _changes_kind(below: dict[Any, Any], above: dict[Any, Any]) -> bool:
    return DISCRIMINATOR in above and above[DISCRIMINATOR] != below.get(DISCRIMINATOR)
