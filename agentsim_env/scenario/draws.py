"""Scenarios of which something is drawn: what each episode gets."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from pydantic import ValidationError

from agentsim_env.scenario.corners import corner_picks, picker
from agentsim_env.scenario.errors import ScenarioError
from agentsim_env.scenario.explain import explain
from agentsim_env.scenario.kept import Kept
from agentsim_env.scenario.layers import Layer
from agentsim_env.scenario.laying import Laid, Pick, lay, shown, wholes_first
from agentsim_env.scenario.randomize import PARTS, Draw, random_number
from agentsim_env.scenario.schema import Scenario

_MOST_WHOLE = 1000


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
        return tuple(self._made(pick, "the ends of its ranges") for pick in corner_picks(self.scenario.randomize))

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
        draws = dict(sorted(self.scenario.randomize.items(), key=wholes_first))
        counts, numbers = [len(draw.choice or (0, 1)) for draw in draws.values()], [0] * len(draws)

        def made(numbers: Sequence[int]) -> Drawn:
            return self._made(picker(list(zip(draws.values(), numbers, strict=True))), "the ends of its ranges")

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

    def _made(self, pick: Pick, who: str) -> Drawn:
        laid = lay(self._data, self.scenario.randomize, pick, known=self._kinds)
        key = json.dumps(laid.values, sort_keys=True)
        return self._kept.get(key, lambda: Drawn(laid.values, self._scenario(laid, who), key))

    def _scenario(self, laid: Laid, who: str) -> Scenario:
        try:
            scenario = Scenario.model_validate(_unchanged(laid, self._plain))
        except ValidationError as error:
            base = Layer(f"scenario {self.scenario.name}", self._data)
            problem = explain(error, laid.data, [base, *laid.layers])
            raise ScenarioError(f"{problem}; drawn for {who}: {shown(laid.values)}") from error
        if scenario.workload.trace is not None and self.scenario.workload.trace is not None:
            scenario.workload.trace.as_given_in(self.scenario.workload.trace.given_in)
        return scenario


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
