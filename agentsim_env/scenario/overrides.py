"""Single values on top of a scenario, as `--set cluster.instances.0.count=2` gives them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from agentsim_env.scenario.errors import ScenarioError, shorten
from agentsim_env.scenario.layers import Layer
from agentsim_env.scenario.strict_yaml import parse

Overrides: TypeAlias = Sequence[str] | Mapping[str, Any]
"""`path=value` strings (values are YAML), or a mapping from path to value. Paths are dotted: `a.b.0.c`."""


def pairs(overrides: Overrides) -> Iterator[tuple[str, str, Any]]:
    """Yields label, path and value of each override.

    Raises:
        ScenarioError: A string is not of the form `path=value`, or its value is not YAML.
    """
    if isinstance(overrides, Mapping):
        for path, value in overrides.items():
            yield f"override {path}", path, value
        return
    for text in overrides:
        path, equals, value = text.partition("=")
        label = f"--set {shorten(text)}"
        if not equals or not path.strip():
            raise ScenarioError(f"{label}: must be path=value, as in cluster.frontend_s=0.02")
        yield label, path.strip(), parse(value, label)[0]


def layer(data: Any, label: str, path: str, value: Any) -> Layer:
    """The layer that sets one value of `data`.

    Raises:
        ScenarioError: A place in a list does not exist.
    """
    keys: list[str | int] = []
    below = data
    for key in path.split("."):
        if isinstance(below, list):
            place = _place(below, key, label, keys)
            keys.append(place)
            below = below[place]
        else:
            keys.append(key)
            below = below.get(key) if isinstance(below, dict) else None
    nested = value
    for key in reversed(keys):
        nested = {key: nested}
    return Layer(label, nested)


def _place(items: list[Any], key: str, label: str, path: list[str | int]) -> int:
    if not key.isdecimal() or int(key) >= len(items):
        here = ".".join(map(str, path))
        allowed = ", ".join(map(str, range(len(items)))) or "none, the list is empty"
        raise ScenarioError(f"{label}: {here}.{key}: no such place in the list; allowed: {allowed}")
    return int(key)
