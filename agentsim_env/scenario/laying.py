"""Lays what is drawn over the values of a scenario."""

import json
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from agentsim_env.scenario.errors import ScenarioError, shorten
from agentsim_env.scenario.explain import declared
from agentsim_env.scenario.layers import Layer, child, merge
from agentsim_env.scenario.overrides import layer
from agentsim_env.scenario.randomize import EACH, Draw

Pick = Callable[[str, Draw, bool], Any]
"""Picks a value, `(place, draw, whether it is a whole number)`."""


class Laid(NamedTuple):
    """Values of a scenario with some drawn.

    Attributes:
        data: All values.
        values: Those that were drawn, by place.
        layers: Where they came from.
    """

    data: dict[str, Any]
    values: dict[str, Any]
    layers: list[Layer]


def lay(
    data: Mapping[str, Any],
    draws: Mapping[str, Draw],
    pick: Pick,
    label: Callable[[str], str] = "randomize.{}".format,
    known: dict[str, set[Any]] | None = None,
) -> Laid:
    """Lays what is picked over the values of a scenario, a whole before its parts.

    Args:
        data: The values.
        draws: What is drawn.
        pick: Picks a value.
        label: What errors call a path.
        known: Types that the schema declares for a path, as far as somebody has looked; the others are added.

    Raises:
        ScenarioError: A path leads nowhere, or one draw takes away what another one gave.
    """
    laid, known = Laid(dict(data), {}, []), {} if known is None else known
    for path, draw in sorted(draws.items(), key=wholes_first):
        for place in _places(laid.data, path, label(path)):
            if path not in known:
                known[path] = _kinds(place, laid.data)
            value = pick(place, draw, int in known[path] and float not in known[path])
            if float in known[path] and type(value) is int:  # choices may be written as 1 and 2.5
                value = float(value)
            above = layer(laid.data, label(path), place, value)
            laid = Laid(merge(laid.data, above.data), {**laid.values, place: value}, [*laid.layers, above])
    for place in laid.values:
        if not _stands(place, laid.data):
            raise ScenarioError(f"{label(place)}: is drawn in vain: what is drawn beside it takes its place")
    return laid


def wholes_first(draw: tuple[str, Draw]) -> tuple[int, str]:
    """Order in which draws are laid over a scenario: a whole before its parts."""
    return draw[0].count("."), draw[0]


def shown(values: Mapping[str, Any]) -> str:
    """Drawn values for a message."""
    return shorten(", ".join(f"{place} = {json.dumps(value)}" for place, value in values.items()), 400)


def _places(data: Any, path: str, label: str) -> Iterator[str]:
    """Paths that one with `*` stands for: one for each place of the list.

    Raises:
        ScenarioError: There is no list.
    """
    before, each, after = path.partition(f".{EACH}")
    if not each:
        yield path
        return
    items = data
    for key in before.split("."):
        items = child(items, int(key) if isinstance(items, list) and key.isdecimal() else key)
    if not isinstance(items, list):
        raise ScenarioError(f"{label}: {before} is no list: {EACH} stands for each place of one")
    for number in range(len(items)):
        yield from _places(data, f"{before}.{number}{after}", label)


def _stands(place: str, data: Any) -> bool:
    for key in place.split("."):
        nothing = data is None
        data = child(data, int(key) if isinstance(data, list) and key.isdecimal() else key, _stands)
        if nothing or data is _stands:
            return False
    return True


def _kinds(place: str, data: Any) -> set[Any]:
    """Types that the schema declares for a place."""
    keys: list[str | int] = [int(key) if key.isdecimal() else key for key in place.split(".")]
    return set(_types(declared(keys, data)[0]))


def _types(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) in (Annotated, Union, types.UnionType):
        members = get_args(annotation)
        for member in members[:1] if get_origin(annotation) is Annotated else members:
            yield from _types(member)
    else:
        yield annotation
