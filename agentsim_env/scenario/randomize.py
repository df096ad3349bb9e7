"""What of a scenario is drawn for each episode, and from what."""

import hashlib
import math
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, Strict, model_validator

from agentsim_env import limits
from agentsim_env.fields.base import Because, Part
from agentsim_env.fields.problems import not_allowed

WAYS = ("uniform", "log_uniform", "choice")
"""The ways of drawing, of which each draw has one."""

PARTS = ("cluster", "workload")
"""Parts of a scenario of which something may be drawn: the others say what an agent is asked and paid."""

_FILES = ("workload.trace",)
"""Fields that name a file: what is in it belongs to the scenario, not to the draw."""

EACH = "*"
"""In a path, each place of a list, drawn for itself."""

_RANDOM_BITS = 53
"""Of a random number: as many as a float has, so that none rounds up to 1."""

_UNUSED_BITS = 64 - _RANDOM_BITS

_End = Annotated[
    float,
    Strict(),
    Field(ge=-limits.LARGEST, le=limits.LARGEST),
    Because("numbers of fields end there", "numbers of fields end there"),
]
_Range = Annotated[tuple[_End, ...], Field(min_length=2, max_length=2, strict=False)]


class Draw(Part):
    """How a value is drawn for an episode, in one of three ways."""

    uniform: _Range | None = None
    """From the first number to the second, all alike; a field of whole numbers gets one of those, both ends among
    them."""

    log_uniform: _Range | None = None
    """Likewise, with logarithms that are all alike: as often from 1 to 2 as from 2 to 4. From above 0."""

    choice: Annotated[tuple[Any, ...], Field(min_length=1, strict=False)] | None = None
    """One of these values, all alike; what stands there twice comes twice as often. A mapping is merged into the
    scenario's, as one of a file is."""

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The ends of a range; None for a choice."""
        given = self.uniform if self.log_uniform is None else self.log_uniform
        return None if given is None else (given[0], given[1])

    def corners(self, is_whole: bool) -> tuple[Any, ...]:
        """The ends of a range, smaller first, or all that may be chosen."""
        if self.choice is not None:
            return self.choice
        assert self.bounds is not None
        return tuple(as_number(end, is_whole) for end in self.bounds)

    def pick(self, share: float, is_whole: bool) -> Any:
        """The value that a random number within [0, 1) stands for."""
        if self.choice is not None:
            return self.choice[int(share * len(self.choice))]
        assert self.bounds is not None
        low, high = self.bounds
        if self.log_uniform is not None:
            return as_number(min(high, low * math.exp(share * math.log(high / low))), is_whole)
        if is_whole:
            return int(low) + int(share * (int(high) - int(low) + 1))
        return min(high, low + share * (high - low))

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [name for name in WAYS if getattr(self, name) is not None]
        if len(given) != 1:
            raise not_allowed(f"give exactly one of {', '.join(WAYS)}", ", ".join(given) or None, [])
        if self.bounds is None:
            return self
        low, high = self.bounds
        if low >= high:
            raise not_allowed("must be two numbers, the smaller one first", list(self.bounds), [given[0]])
        if self.log_uniform is not None and low <= 0:
            raise not_allowed("must be above 0: smaller numbers have no logarithm", low, ["log_uniform", 0])
        return self


def as_number(value: float, is_whole: bool) -> int | float:
    """A number as its field has it."""
    return round(value) if is_whole else float(value)


def random_number(seed: int, place: str) -> float:
    """A number within [0, 1) for what an episode draws at a place: no other draw moves it, and it moves none."""
    digest = hashlib.sha256(f"randomize {seed} {place}".encode()).digest()
    return (int.from_bytes(digest[:8], "little") >> _UNUSED_BITS) / (1 << _RANDOM_BITS)


def flat(randomize: Any) -> Any:
    """Draws by their dotted paths, however deep they stand: `--set` nests them, a file need not."""
    if not isinstance(randomize, dict):
        return randomize
    found: dict[str, Any] = {}
    for key, value in randomize.items():
        nested = isinstance(value, dict) and value and not any(way in value for way in WAYS)
        if nested:
            found |= {f"{key}.{path}": draw for path, draw in flat(value).items()}
        else:
            found[str(key)] = value
    return found


def _path(path: str) -> str:
    if path.split(".")[0] not in PARTS or "." not in path:
        raise not_allowed(f"must be the path of a field of {' or '.join(PARTS)}, as --set takes it", path, [])
    if path.startswith(_FILES):
        raise not_allowed("names a file, which cannot be drawn", path, [])
    return path


Draws = dict[Annotated[str, AfterValidator(_path)], Draw]
"""Draws by the paths of what is drawn."""
