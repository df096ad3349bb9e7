"""Typed fields of a trace's records, with errors that name file, line and field."""

import difflib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agentsim_env.workload.traces.errors import TraceError, shown
from agentsim_env.workload.traces.nearest import listed

MAX_TOKENS = 2**30  # prompt and output must fit an int32 together
MAX_SECONDS = 1e10  # 317 years: dates as seconds since 1970 fit, broken ones do not
_MISSING = object()


class Record:
    """One JSON object of a trace, or a part of one.

    Args:
        path: File it came from.
        line: Line number, from 1.
        content: The object.
        place: Where the object is inside the line, as `sub_requests[2].`; empty for the line itself.
    """

    __slots__ = ("content", "line", "path", "place")

    def __init__(self, path: Path, line: int, content: Mapping[str, Any], place: str = "") -> None:
        """Wraps `content`."""
        self.path = path
        self.line = line
        self.content = content
        self.place = place

    def __contains__(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.content.get(name) is not None

    def error(self, name: str, problem: str) -> TraceError:
        """An error about a field of this record."""
        return TraceError(self.path, self.line, self.place + name, problem)

    def _value(self, names: str | tuple[str, ...], default: Any) -> tuple[str, Any]:
        """The first of `names` (a field and its aliases) that is there."""
        names = (names,) if isinstance(names, str) else names
        for name in names:
            value = self.content.get(name)
            if value is not None:
                return name, value
        if default is _MISSING:
            raise self.error(names[0], f"is missing{self._instead(names)}")
        return names[0], default

    def _instead(self, names: tuple[str, ...]) -> str:
        """What was looked for in vain, and the field that looks most like it."""
        vain = f" (also looked for {', '.join(names[1:])})" if len(names) > 1 else ""
        others = [name for name, value in self.content.items() if value is not None]
        close = [found for name in names for found in difflib.get_close_matches(name, others, n=1)]
        return f"{vain}; the nearest field here is {close[0][:60]}" if close else vain

    def number(self, names: str | tuple[str, ...], default: Any = _MISSING, minimum: float = -math.inf) -> float:
        """A finite number of at least `minimum`; `default` if the field is missing or null."""
        name, value = self._value(names, default)
        if value is default:
            return value
        number = math.nan if isinstance(value, bool) or not isinstance(value, int | float) else _float(value)
        if not math.isfinite(number) or number < minimum:
            bound = "" if minimum == -math.inf else f" of at least {minimum:g}"
            raise self.error(name, f"is {shown(value)}; allowed: a finite number{bound}")
        return number

    def seconds(
        self,
        names: str | tuple[str, ...],
        default: Any = _MISSING,
        minimum: float = -math.inf,
        per_s: float = 1.0,
    ) -> float:
        """A time in seconds, from a number of which a second has `per_s`; `default` (seconds) if it is missing."""
        name, value = self._value(names, default)
        if value is default:
            return value
        seconds = self.number(name, minimum=minimum) / per_s
        if abs(seconds) > MAX_SECONDS:
            raise self.error(name, f"is {shown(value)}, {seconds:g} s; allowed: at most {MAX_SECONDS:g} s (time_unit?)")
        return seconds

    def whole(self, names: str | tuple[str, ...], minimum: int, maximum: int, default: Any = _MISSING) -> int:
        """An integer, or a float without fraction; `default` if the field is missing or null."""
        name, value = self._value(names, default)
        if value is default:
            return value
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not whole or not minimum <= value <= maximum:
            raise self.error(name, f"is {shown(value)}; allowed: an integer from {minimum} to {maximum}")
        return int(value)

    def tokens(self, names: str | tuple[str, ...], minimum: int = 0) -> int:
        """A count of tokens; a field and its alias must agree."""
        count = self.whole(names, minimum, MAX_TOKENS)
        for other in () if isinstance(names, str) else names:
            if self.content.get(other, count) not in (count, None):
                raise self.error(
                    other, f"is {shown(self.content[other])}, and {names[0]} is {count}; they mean the same"
                )
        return count

    def text(self, names: str | tuple[str, ...], default: Any = _MISSING) -> str:
        """A string, or a number written as one."""
        name, value = self._value(names, default)
        if value is default:
            return value
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
            raise self.error(name, f"is {shown(value)}; allowed: a non-empty string")
        if isinstance(value, str) and not _can_be_written(value):
            raise self.error(name, f"is {shown(value)}, half of a surrogate pair; allowed: a string of Unicode")
        # 5.0 is what tables write for 5 in a column with gaps
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)

    def choice(self, name: str, allowed: tuple[str, ...], default: Any = _MISSING) -> str:
        """One of a few strings."""
        value = self.text(name, default)
        if value is not default and value not in allowed:
            raise self.error(name, f"is {shown(value)}; allowed: {listed(allowed)}")
        return value

    def items(self, name: str, default: Any = _MISSING) -> list[Any]:
        """A list of anything."""
        _, value = self._value(name, default)
        if not isinstance(value, list):
            raise self.error(name, f"is {shown(value)}; allowed: a list")
        return value

    def records(self, name: str, default: Any = _MISSING) -> list["Record"]:
        """A list of objects."""
        _, value = self._value(name, default)
        if value is default:
            return value
        if not isinstance(value, list):
            raise self.error(name, f"is a {type(value).__name__}; allowed: a list of objects")
        parts = []
        for at, item in enumerate(value):
            if not isinstance(item, dict):
                raise self.error(f"{name}[{at}]", f"is a {type(item).__name__}; allowed: an object")
            parts.append(Record(self.path, self.line, item, f"{self.place}{name}[{at}]."))
        return parts

    def ids(self, name: str, prompt_tokens: int, tokens_per_id: int) -> np.ndarray | None:
        """Block ids (or token ids) of a prompt; None if the field is missing.

        The ids may end early (the rest of the prompt is then private) but not go beyond the prompt's last block.

        Args:
            name: Field.
            prompt_tokens: Length of the prompt.
            tokens_per_id: Tokens that one id stands for.
        """
        value = self.content.get(name)
        if value is None:
            return None
        if not isinstance(value, np.ndarray):
            raise self.error(name, f"is {shown(value)}; allowed: a list of integers")
        most = -(-prompt_tokens // tokens_per_id)
        if len(value) > most:
            raise self.error(
                name,
                f"has {len(value)} ids of {tokens_per_id} tokens, but the prompt of {prompt_tokens} tokens has "
                f"{most} such blocks; allowed: at most {most} ids (or set trace_block_tokens to the trace's own size)",
            )
        return value


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _can_be_written(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
