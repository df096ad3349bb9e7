"""Features: what the columns of an observation mean, each declared once."""

from collections.abc import Iterator
from typing import NamedTuple


class Feature(NamedTuple):
    """A column of an observation.

    Attributes:
        name: Its name, with the unit of what is squashed if that has one.
        meaning: What it says, for the page of the environment.
        scale: The amount that becomes 1/2, for `agentsim_env.envs.scales`; NaN if the value is within bounds as it is.
        unit: Unit of the scale, "" for a number of things.
        low: Least value.
        high: Largest value.
    """

    name: str
    meaning: str
    scale: float = float("nan")
    unit: str = ""
    low: float = 0.0
    high: float = 1.0


class FeatureTable:
    """The columns of an observation, in their order.

    Features are added one by one, and what adds one returns the number of its column, for compiled code to write to:

        FEATURES = FeatureTable()
        IS_HOME = FEATURES.flag("is_home", "it served the program's last turn")
        WAITING = FEATURES.amount("waiting", "turns in its queue", 4.0)
        SCALE = FEATURES.scales
        ...
        row[WAITING] = squash(instance.n_waiting, SCALE[WAITING])

    Features of different kinds of decision that have the same name mean the same and have the same scale.
    """

    def __init__(self) -> None:
        self._features: dict[str, Feature] = {}

    def __len__(self) -> int:
        return len(self._features)

    def __iter__(self) -> Iterator[Feature]:
        return iter(self._features.values())

    def add(self, feature: Feature) -> int:
        """Add a feature behind all others and return its column."""
        if feature.name in self._features:
            raise ValueError(f"feature {feature.name!r} is declared twice")
        self._features[feature.name] = feature
        return len(self._features) - 1

    def flag(self, name: str, meaning: str) -> int:
        """Something that holds, 1, or does not, 0."""
        return self.add(Feature(name, meaning))

    def share(self, name: str, meaning: str) -> int:
        """A part of something, within [0, 1] as it is."""
        return self.add(Feature(name, meaning))

    def amount(self, name: str, meaning: str, scale: float, unit: str = "") -> int:
        """Something from 0 up without a bound, for `scales.squash`."""
        return self.add(Feature(name, meaning, scale, unit))

    def difference(self, name: str, meaning: str, scale: float, unit: str = "") -> int:
        """Something without a bound that can be negative, for `scales.signed`."""
        return self.add(Feature(name, meaning, scale, unit, low=-1.0))

    def extend(self, others: "FeatureTable") -> int:
        """Add all features of another table and return the column of the first."""
        first = len(self)
        for feature in others:
            self.add(feature)
        return first

    def index(self, name: str) -> int:
        """Column of a feature."""
        return self.names.index(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names by column."""
        return tuple(self._features)

    @property
    def scales(self) -> tuple[float, ...]:
        """Scales by column, for compiled code, to which a tuple at module level is a constant."""
        return tuple(feature.scale for feature in self)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest value of any column."""
        return min(feature.low for feature in self), max(feature.high for feature in self)
