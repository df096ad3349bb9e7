"""Routing rules in plain Python (semantics, "Routing"); asked only where at least two instances are allowed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.reference.batching import Instance
from tests.reference.turn import Turn

WORD = 2**64


@dataclass(frozen=True)
class View:
    """What a rule sees.

    All instances, which of them are allowed, the home of the turn's program (-1 for none), how many turns have been
    routed before, and where the last of them went (-1 for none).
    """

    instances: Sequence[Instance]
    allowed: Sequence[bool]
    home: int
    routed: int = 0
    last: int = -1

    @property
    def candidates(self) -> list[int]:
        return [i for i, allowed in enumerate(self.allowed) if allowed]

    def turns(self, i: int) -> int:
        """Waiting and running turns."""
        return len(self.instances[i].waiting) + len(self.instances[i].running)

    def outstanding_tokens(self, i: int) -> int:
        """Targets of the waiting and running turns."""
        return sum(turn.target for turn in self.instances[i].waiting + self.instances[i].running)


Route = Callable[[View, Turn], int]


def hash01(seed: int, counter: int) -> float:
    """A number in [0, 1) from splitmix64's finaliser."""
    z = (seed + (counter + 1) * 0x9E3779B97F4A7C15) % WORD
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    z ^= z >> 31
    return (z >> 11) * 2.0**-53


def least_loaded(view: View, turn: Turn) -> int:
    return min(view.candidates, key=lambda i: (view.turns(i), i))


def least_tokens(view: View, turn: Turn) -> int:
    return min(view.candidates, key=lambda i: (view.outstanding_tokens(i), i))


def random(seed: int) -> Route:
    """The k-th routing takes allowed instance number floor(hash01(seed, k * 2^16) * allowed), counted from 0."""

    def route(view: View, turn: Turn) -> int:
        return view.candidates[int(hash01(seed, view.routed << 16) * len(view.candidates))]

    return route


def round_robin(view: View, turn: Turn) -> int:
    """The next allowed instance after the one that the last turn went to."""
    n = len(view.instances)
    return next(i for i in ((view.last + step) % n for step in range(1, n + 1)) if view.allowed[i])


def session_affinity(capacity_limit: int = 64) -> Route:
    """The home, unless it is not allowed or has `capacity_limit` turns."""

    def route(view: View, turn: Turn) -> int:
        if view.home >= 0 and view.allowed[view.home] and view.turns(view.home) < capacity_limit:
            return view.home
        return least_loaded(view, turn)

    return route


RULES = ("random", "round_robin", "least_loaded", "session_affinity", "least_tokens")


def rule(name: str, seed: int = 0, capacity_limit: int = 64) -> Route:
    """A fresh rule by name."""
    rules: dict[str, Route] = {
        "random": random(seed),
        "round_robin": round_robin,
        "least_loaded": least_loaded,
        "session_affinity": session_affinity(capacity_limit),
        "least_tokens": least_tokens,
    }
    return rules[name]
