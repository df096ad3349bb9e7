"""Routing rules in plain Python (semantics, "Routing"); asked only where at least two instances are allowed."""

from collections.abc import Callable

from tests.reference.programs.turn import Turn
from tests.reference.residency.segments import matching
from tests.reference.routing.view import View

WORD = 2**64

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
    return min(view.candidates, key=lambda i: (view.instances[i].outstanding_tokens, i))


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


def llm_d(seed: int, block_size: int) -> Route:
    """Largest 2 * share of the prompt's blocks that is held + share of KV that is free + shortness of the queue.

    A tie is broken by chance.
    """

    def route(view: View, turn: Turn) -> int:
        seen = {i: view.instances[i] for i in view.candidates}
        waiting = [instance.waiting for instance in seen.values()]
        fewest, most = min(waiting), max(waiting)

        def score(i: int) -> float:
            blocks = turn.prompt // block_size
            hit = min(matching(seen[i].resident, turn.path), blocks) / blocks if blocks else 0.0
            short = (most - seen[i].waiting) / (most - fewest) if most > fewest else 1.0
            return 2.0 * hit + (1.0 - seen[i].held_share) + short

        best = max(score(i) for i in seen)
        ties = [i for i in seen if score(i) == best]
        return ties[int(hash01(seed, view.routed << 16) * len(ties))]

    return route


ROUTES = ("random", "round_robin", "least_loaded", "session_affinity", "least_tokens", "llm_d")


def route(name: str, seed: int = 0, capacity_limit: int = 64, block_size: int = 16) -> Route:
    """A rule by name."""
    rules: dict[str, Route] = {
        "random": random(seed),
        "round_robin": round_robin,
        "least_loaded": least_loaded,
        "session_affinity": session_affinity(capacity_limit),
        "least_tokens": least_tokens,
        "llm_d": llm_d(seed, block_size),
    }
    return rules[name]
