"""Scenarios of which something is drawn: what each episode gets, and whether all that may be drawn can work."""

import json
import math
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import ValidationError

from agentsim_env.scenario.errors import ScenarioError, shorten
from agentsim_env.scenario.explain import declared, explain, where
from agentsim_env.scenario.kept import Kept
from agentsim_env.scenario.layers import Layer, child, merge
from agentsim_env.scenario.overrides import layer
from agentsim_env.scenario.randomize import EACH, PARTS, Draw, random_number
from agentsim_env.scenario.schema import Scenario

MOST_CORNERS = 32
"""Combinations of extremes that are all looked at. Of more, each extreme is, with all others low and with all high."""

_INSIDE = 1e-6
_MOST_WHOLE = 1000

_Pick = Callable[[str, Draw, bool], Any]
"""Picks a value, `(place, draw, whether it is a whole number)`."""


class Drawn(NamedTuple):
    """What an episode gets.

    Attributes:
        values: What was drawn, by place: a path without `*`.
        scenario: The scenario with these values.
        key: Text that is equal for equal values.
    """

    values: Mapping[str, Any]
    scenario: Scenario
    key: str


class Drawing:
    """Draws the scenarios of episodes.

    Args:
        scenario: A scenario with `randomize`.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._data = scenario.model_dump(mode="json", exclude_unset=True, exclude={"randomize"})
        self._plain = Scenario.model_validate(self._data)
        self._kinds: dict[str, set[Any]] = {}
        self._kept: Kept[Drawn] = Kept()

    def of(self, seed: int) -> Drawn:
        """What the episode of a seed gets: a function of scenario and seed alone.

        Raises:
            ScenarioError: What was drawn does not go together.
        """
        return self._made(lambda place, draw, is_whole: draw.pick(random_number(seed, place), is_whole), f"seed {seed}")

    @cached_property
    def corners(self) -> tuple[Drawn, ...]:
        """What may be drawn at its extremes."""
        return tuple(self._made(pick, "the ends of its ranges") for pick in _corner_picks(self.scenario.randomize))

    @cached_property
    def widest(self) -> Drawn:
        """One with the most instances that may be drawn."""
        return self._extreme(lambda instances: -instances)

    @cached_property
    def narrowest(self) -> Drawn:
        """One with the fewest."""
        return self._extreme(lambda instances: instances)

    def _extreme(self, cost: Callable[[int], int]) -> Drawn:
        """The corner whose instances cost least: what is drawn at one place leaves those of others as they are."""
        draws = dict(sorted(self.scenario.randomize.items(), key=_wholes_first))
        counts, numbers = [len(draw.choice or (0, 1)) for draw in draws.values()], [0] * len(draws)

        def made(numbers: Sequence[int]) -> Drawn:
            return self._made(_picker(list(zip(draws.values(), numbers, strict=True))), "the ends of its ranges")

        for k, count in enumerate(counts):
            corners = [made([*numbers[:k], number, *numbers[k + 1 :]]) for number in range(count)]
            costs = [cost(corner.scenario.cluster.n_instances) for corner in corners]
            numbers[k] = costs.index(min(costs))
        return made(numbers)

    def all_of(self, most: int, needed: Callable[[str], bool]) -> tuple[Drawn, ...]:
        """All that may be drawn at the places that are needed, with the first corner of what is drawn at others.

        Args:
            most: How many there may be.
            needed: Whether a place is.

        Raises:
            ScenarioError: There are more.
        """
        found: list[Drawn] = []
        numbers: list[int] | None = []
        while numbers is not None:
            if len(found) == most:
                raise self._too_many(most, "all its draws together")
            counting = _Counting(numbers, needed, lambda place: self._too_many(most, place))
            found.append(self._made(counting.pick, "all its choices"))
            numbers = counting.next()
        return tuple(found)

    def _too_many(self, most: int, what: str) -> ScenarioError:
        return ScenarioError(
            f"{self.scenario.name}: randomize: workload.arrivals.load is a fraction of a capacity, which is measured"
            f" for each cluster and workload that may be drawn: {what} must be choices, or ranges of whole numbers, at"
            f" most {most} combinations in all; or give workload.arrivals.rate_per_s in the place of load, or draw it"
        )

    def _made(self, pick: _Pick, who: str) -> Drawn:
        laid = lay(self._data, self.scenario.randomize, pick, known=self._kinds)
        key = json.dumps(laid.values, sort_keys=True)
        return self._kept.get(key, lambda: Drawn(laid.values, self._scenario(laid, who), key))

    def _scenario(self, laid: "Laid", who: str) -> Scenario:
        try:
            scenario = Scenario.model_validate(_unchanged(laid, self._plain))
        except ValidationError as error:
            base = Layer(f"scenario {self.scenario.name}", self._data)
            problem = explain(error, laid.data, [base, *laid.layers])
            raise ScenarioError(f"{problem}; drawn for {who}: {shown(laid.values)}") from error
        if scenario.workload.trace is not None and self.scenario.workload.trace is not None:
            scenario.workload.trace.as_given_in(self.scenario.workload.trace.given_in)
        return scenario


def _wholes_first(draw: tuple[str, Draw]) -> tuple[int, str]:
    """Order in which draws are laid over a scenario: a whole before its parts."""
    return draw[0].count("."), draw[0]


class _Counting:
    """Picks one combination of values after the other, as a counter runs through its digits."""

    def __init__(
        self, numbers: Sequence[int], needed: Callable[[str], bool], too_many: Callable[[str], Exception]
    ) -> None:
        self._numbers, self._needed, self._too_many = numbers, needed, too_many
        self._seen: list[tuple[int, int]] = []

    def pick(self, place: str, draw: Draw, is_whole: bool) -> Any:
        """The value that is next, or any where it does not matter."""
        if not self._needed(place):
            return draw.corners(is_whole)[0]
        values = draw.choice
        if values is None:
            low, high = draw.corners(is_whole)
            if not is_whole or high - low > _MOST_WHOLE:
                raise self._too_many(place)
            values = range(low, high + 1)
        at = len(self._seen)
        number = self._numbers[at] if at < len(self._numbers) else 0
        self._seen.append((number, len(values)))
        return values[number]

    def next(self) -> list[int] | None:
        """The digits of the next one; None after the last."""
        for at in reversed(range(len(self._seen))):
            number, count = self._seen[at]
            if number + 1 < count:
                return [number for number, _ in self._seen[:at]] + [number + 1]
        return None


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
    pick: _Pick,
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
    for path, draw in sorted(draws.items(), key=_wholes_first):
        for place in places(laid.data, path, label(path)):
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


def _unchanged(laid: Laid, plain: Scenario) -> dict[str, Any]:
    """The values, with all fields as they were validated before of which nothing was drawn."""
    changed = {".".join(place.split(".")[:2]) for place in laid.values}
    data: dict[str, Any] = {}
    for name, values in laid.data.items():
        if name not in PARTS:
            data[name] = getattr(plain, name)
        else:
            part = getattr(plain, name)
            data[name] = {k: v if f"{name}.{k}" in changed else getattr(part, k) for k, v in values.items()}
    return data


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
    for number, pick in enumerate([*_corner_picks(scenario.randomize), _just_inside]):
        laid = lay(below, scenario.randomize, pick, label)
        try:
            corner = Scenario.model_validate(laid.data)
        except ValidationError as error:
            problem = explain(error, laid.data, [*layers, *laid.layers])
            raise ScenarioError(f"{problem}; drawn is {shown(laid.values)}") from error
        first = corner if number == 0 else first
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
    return [(given.slots, given.budget_grid_tokens) if given else None for given in lanes[:1]]


def shown(values: Mapping[str, Any]) -> str:
    """Drawn values for a message."""
    return shorten(", ".join(f"{place} = {json.dumps(value)}" for place, value in values.items()), 400)


def places(data: Any, path: str, label: str) -> Iterator[str]:
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
        yield from places(data, f"{before}.{number}{after}", label)


def _stands(place: str, data: Any) -> bool:
    for key in place.split("."):
        nothing = data is None
        data = child(data, int(key) if isinstance(data, list) and key.isdecimal() else key, _stands)
        if nothing or data is _stands:
            return False
    return True


def _corner_picks(draws: Mapping[str, Draw]) -> Iterator[_Pick]:
    """What picks the extremes, corner by corner."""
    counts = [len(draw.choice or (0, 1)) for draw in draws.values()]
    for corner in product(*map(range, counts)) if math.prod(counts) <= MOST_CORNERS else _star(counts):
        yield _picker(list(zip(draws.values(), corner, strict=True)))


def _just_inside(_place: str, draw: Draw, is_whole: bool) -> Any:
    """Just above the lower end, which a field may take where it does not take what follows, as 0 for never."""
    if draw.bounds is None or is_whole:
        return draw.corners(is_whole)[0]
    low, high = draw.bounds
    return low + _INSIDE * (high - low)


def _picker(chosen: Sequence[tuple[Draw, int]]) -> _Pick:
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
