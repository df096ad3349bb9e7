"""Routing rules in plain Python (semantics, "Routing"); asked only where at least two instances are allowed."""

from collections.abc import Callable, Sequence

from tests.reference.programs.turn import Turn
from tests.reference.residency.segments import matching
from tests.reference.routing.view import View
from tests.reference.rules.chance import hash01
from tests.reference.rules.learning import KvRouting, Thompson
from tests.reference.rules.rule import Parameters

Route = Callable[[View, Turn], int]


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


def by_chance(seed: int, view: View, ties: Sequence[int]) -> int:
    """One of equals."""
    return ties[int(hash01(seed, view.routed << 16) * len(ties))]


def llm_d(seed: int, block_size: int, prefix: float, free: float, queue: float) -> Route:
    """Largest weighted sum of the share of the prompt's blocks that is held, of KV that is free, and of short queues.

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
            return prefix * hit + free * (1.0 - seen[i].held_share) + queue * short

        best = max(score(i) for i in seen)
        return by_chance(seed, view, [i for i in seen if score(i) == best])

    return route


def sticky_until_saturated(seed: int, parameters: Parameters) -> Route:
    """The warm ones alone, unless the best of them has too much more to prefill than the best of the others."""

    def route(view: View, turn: Turn) -> int:
        if turn.handed:
            return least_loaded(view, turn)
        blocks = turn.prompt // view.block_size
        pending = {i: view.instances[i].pending_tokens for i in view.candidates}
        hits = {i: min(matching(view.instances[i].resident, turn.path), blocks) for i in pending}
        warm = [i for i in pending if blocks and hits[i] / blocks >= parameters["warm_share"]]
        cold = [i for i in pending if i not in warm]
        most = parameters["peak_prefill_tokens_per_s"] * parameters["patience_s"]
        if warm and cold and min(pending[i] for i in warm) - min(pending[i] for i in cold) > most:
            warm = []
        left = {i: pending[i] + view.uncached(i, turn) for i in warm or pending}
        return by_chance(seed, view, [i for i in left if left[i] == min(left.values())])

    return route


def lmetric(view: View, turn: Turn) -> int:
    """Tokens to prefill times turns, this one counted."""
    return min(view.candidates, key=lambda i: (view.uncached(i, turn) * (view.turns(i) + 1), i))


def smetric(parameters: Parameters) -> Route:
    """Where most is found, if that is enough and not overloaded; where a program begins, by load."""

    def route(view: View, turn: Turn) -> int:
        if view.home < 0:
            return least_loaded(view, turn)
        best = min(view.candidates, key=lambda i: (-view.cached(i, turn), view.turns(i), i))
        mean = sum(view.turns(i) for i in view.candidates) / len(view.candidates)
        too_little = view.cached(best, turn) < parameters["hit_share"] * (turn.prompt - turn.new)
        if view.turns(best) > parameters["load_limit"] * mean or too_little:
            return least_loaded(view, turn)
        return best

    return route


ROUTES = (
    "random",
    "round_robin",
    "least_loaded",
    "session_affinity",
    "least_tokens",
    "llm_d",
    "llm_d_baseline",
    "sticky_until_saturated",
    "lmetric",
    "smetric",
    "kv_routing",
    "thompson",
)


def route(name: str, seed: int = 0, parameters: Parameters | None = None, block_size: int = 16) -> Route:
    """A rule by name."""
    given = parameters or {}
    rules: dict[str, Callable[[], Route]] = {
        "random": lambda: random(seed),
        "round_robin": lambda: round_robin,
        "least_loaded": lambda: least_loaded,
        "session_affinity": lambda: session_affinity(int(given.get("capacity_limit", 64))),
        "least_tokens": lambda: least_tokens,
        "llm_d": lambda: llm_d(seed, block_size, 2.0, 1.0, 1.0),
        "llm_d_baseline": lambda: llm_d(seed, block_size, 3.0, 2.0, 2.0),
        "sticky_until_saturated": lambda: sticky_until_saturated(seed, given),
        "lmetric": lambda: lmetric,
        "smetric": lambda: smetric(given),
        "kv_routing": lambda: KvRouting(given),
        "thompson": lambda: Thompson(given, seed),
    }
    return rules[name]()
