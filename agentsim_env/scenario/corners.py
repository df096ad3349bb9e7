"""The extremes of what may be drawn: whether all of them are scenarios, with the same answers for an agent."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from pydantic import ValidationError

from agentsim_env.scenario.errors import ScenarioError
from agentsim_env.scenario.explain import explain, where
from agentsim_env.scenario.lanes import Lanes
from agentsim_env.scenario.layers import Layer
from agentsim_env.scenario.laying import Laid, Pick, lay, shown
from agentsim_env.scenario.model_file import model_file
from agentsim_env.scenario.randomize import Draw
from agentsim_env.scenario.schema import Scenario

MOST_CORNERS = 32
"""Combinations of extremes that are all looked at. Of more, each extreme is, with all others low and with all high."""

_INSIDE = 1e-6


def corner_picks(draws: Mapping[str, Draw]) -> Iterator[Pick]:
    """What picks the extremes, corner by corner."""
    counts = [len(draw.choice or (0, 1)) for draw in draws.values()]
    for corner in product(*map(range, counts)) if math.prod(counts) <= MOST_CORNERS else _star(counts):
        yield picker(list(zip(draws.values(), corner, strict=True)))


def _just_inside(_place: str, draw: Draw, is_whole: bool) -> Any:
    """Just above the lower end, which a field may take where it does not take what follows, as 0 for never."""
    if draw.bounds is None or is_whole:
        return draw.corners(is_whole)[0]
    low, high = draw.bounds
    return low + _INSIDE * (high - low)


def picker(chosen: Sequence[tuple[Draw, int]]) -> Pick:
    """Picks the corner of each draw that has its number."""
    numbers = {id(draw): number for draw, number in chosen}
    return lambda place, draw, is_whole: draw.corners(is_whole)[numbers[id(draw)]]


def _star(counts: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Each extreme of each draw, with all others at their first and all others at their last."""
    seen: set[tuple[int, ...]] = set()
    for others in (tuple(0 for _ in counts), tuple(count - 1 for count in counts)):
        for k, count in enumerate(counts):
            for number in range(count):
                corner = (*others[:k], number, *others[k + 1 :])
                if corner not in seen:
                    seen.add(corner)
                    yield corner


def check(data: Mapping[str, Any], scenario: Scenario, layers: Sequence[Layer]) -> None:
    """Refuses draws of which an end, or a choice, or a combination of them, would not be a scenario.

    Args:
        data: The merged values of the scenario.
        scenario: The scenario.
        layers: Where the values came from.

    Raises:
        ScenarioError: It names the field, what is allowed, and what would be drawn.
    """
    below = {key: value for key, value in data.items() if key != "randomize"}

    def label(path: str) -> str:
        return f"{where(('randomize', path), layers)}: randomize.{path}"

    _check_whole(scenario, below, label)
    first: Scenario = scenario
    for number, pick in enumerate([*corner_picks(scenario.randomize), _just_inside]):
        laid = lay(below, scenario.randomize, pick, label)
        try:
            corner = Scenario.model_validate(laid.data)
        except ValidationError as error:
            problem = explain(error, laid.data, [*layers, *laid.layers])
            raise ScenarioError(f"{problem}; drawn is {shown(laid.values)}") from error
        first = corner if number == 0 else first
        if model_file(corner.cluster.model) != model_file(scenario.cluster.model):
            raise ScenarioError(f"{label('cluster.model')}: must be names of the catalogue: a file cannot be drawn")
        _check_alike(first, corner, laid, label)


def _check_whole(scenario: Scenario, data: Mapping[str, Any], label: Callable[[str], str]) -> None:
    """Ends of a range of whole numbers are whole numbers."""

    def look(place: str, draw: Draw, is_whole: bool) -> Any:
        for end in draw.bounds or () if is_whole else ():
            if not float(end).is_integer():
                raise ScenarioError(f"{label(place)} = {end:g}: must be a whole number, as all of the field are")
        return draw.corners(is_whole)[0]

    lay(data, scenario.randomize, look, label)


def _check_alike(first: Scenario, corner: Scenario, laid: Laid, label: Callable[[str], str]) -> None:
    """Whatever is drawn, what an agent is shown and may answer has the same form."""
    for what, of in (("what programs report", _reports), ("lanes.slots and lanes.budget_grid_tokens", _lanes)):
        if of(first) != of(corner):
            raise ScenarioError(
                f"{label(next(iter(laid.values)))}: {what} must be the same whatever is drawn, as observations and"
                f" answers are made of it; drawn is {shown(laid.values)}"
            )


def _reports(scenario: Scenario) -> bool:
    return scenario.workload.reports


def _lanes(scenario: Scenario) -> Any:
    lanes = [instance.lanes for instance in scenario.cluster.instances if instance.mode == "two_lanes"]
    return [(given.slots, given.budget_grid_tokens) for given in (each or Lanes() for each in lanes[:1])]
