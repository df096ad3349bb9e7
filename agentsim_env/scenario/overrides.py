"""Single values on top of a scenario, as `--set cluster.instances.0.count=2` gives them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from agentsim_env.errors import shown
from agentsim_env.scenario.errors import ScenarioError, shorten
from agentsim_env.scenario.layers import Layer
from agentsim_env.scenario.strict_yaml import parse

MOST_KEYS = 30
"""Keys of a path: three times those of the deepest field."""

_AS_IN = "must be path=value, as in cluster.frontend_s=0.02"

Overrides: TypeAlias = Sequence[str] | Mapping[str, Any]
"""`path=value` strings (values are YAML), or a mapping from path to value. Paths are dotted: `a.b.0.c`."""


def pairs(overrides: Overrides) -> Iterator[tuple[str, str, Any]]:
    """Yields label, path and value of each override.

    Raises:
        ScenarioError: A string is not of the form `path=value`, or its value is not YAML.
    """
    if isinstance(overrides, Mapping):
        for path, value in overrides.items():
            label = f"override {shorten(str(path))}"
            yield label, _path(path, label), value
        return
    if isinstance(overrides, str) or not isinstance(overrides, Iterable):
        raise ScenarioError(f"overrides = {shorten(shown(overrides))}: must be a list of path=value, or a mapping")
    for text in overrides:
        label = f"--set {shorten(str(text))}"
        path, equals, value = text.partition("=") if isinstance(text, str) else ("", "", "")
        if not equals or not path.strip():
            raise ScenarioError(f"{label}: {_AS_IN}")
        if not value.strip():
            raise ScenarioError(f"{label}: has no value; null brings the default back, and '' is an empty text")
        yield label, _path(path.strip(), label), parse(value, label)[0]


def _path(path: Any, label: str) -> str:
    if not isinstance(path, str) or not path:
        raise ScenarioError(f"{label}: the path must be a text of keys with dots between, as in cluster.frontend_s")
    if path.count(".") >= MOST_KEYS:
        raise ScenarioError(f"{label}: the path has {path.count('.') + 1} keys; no field has more than {MOST_KEYS}")
    return path


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
    if not (key.isascii() and key.isdecimal() and len(key) < 10 and int(key) < len(items)):
        here = ".".join(map(str, path))
        allowed = ", ".join(map(str, range(len(items)))) or "none, the list is empty"
        is_field = bool(items) and isinstance(items[0], dict) and key.isidentifier()
        hint = f"; did you mean {here}.0.{shorten(key)}?" if is_field else ""
        raise ScenarioError(f"{label}: {here}.{shorten(key)}: no such place in the list{hint}; allowed: {allowed}")
    return int(key)
