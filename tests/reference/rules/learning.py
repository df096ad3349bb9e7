"""Routers that learn how turns fare (semantics, "Routing")."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tests.reference.programs.turn import Turn
from tests.reference.routing.view import View
from tests.reference.rules.chance import hash01
from tests.reference.rules.rule import Parameters

LEAST_S = 0.001

Matrix = list[list[float]]


class Learner:
    """A router that is told where turns are sent, and when they leave for good."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters

    def __call__(self, view: View, turn: Turn) -> int:
        raise NotImplementedError

    def sent(self, view: View, turn: Turn, number: int) -> None:
        """A turn is sent to an instance."""
        raise NotImplementedError

    def left(self, turn: Turn, number: int, now: float) -> None:
        """It has ended there, or is handed over."""
        raise NotImplementedError


class KvRouting(Learner):
    """What a turn lacks, what was sent before it and fades, and the mean of what these leave unexplained."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self.weight: dict[int, float] = {}
        self.residuals_s: dict[int, float] = {}
        self.reserved: dict[int, tuple[float, float]] = {}
        self.noted: dict[int, tuple[float, float]] = {}

    def base_s(self, view: View, turn: Turn, i: int) -> float:
        return max(LEAST_S, self.parameters["prefill_s_per_token"] * view.uncached(i, turn))

    def reserved_s(self, i: int, now: float) -> float:
        reserved_s, at_s = self.reserved.get(i, (0.0, 0.0))
        return reserved_s * math.exp((at_s - now) / self.parameters["fade_s"])

    def predicted_s(self, view: View, turn: Turn, i: int) -> float:
        known_s = self.base_s(view, turn, i) + self.reserved_s(i, view.now)
        residual_s = self.residuals_s.get(i, 0.0) / (self.weight.get(i, 0.0) + self.parameters["prior_weight"])
        return max(LEAST_S, known_s + residual_s)

    def __call__(self, view: View, turn: Turn) -> int:
        first, *others = view.candidates
        best, least_s = first, self.predicted_s(view, turn, first)
        for i in others:
            predicted_s = self.predicted_s(view, turn, i)
            if predicted_s + LEAST_S < least_s:
                best, least_s = i, predicted_s
        return best

    def sent(self, view: View, turn: Turn, number: int) -> None:
        base_s, reserved_s = self.base_s(view, turn, number), self.reserved_s(number, view.now)
        self.noted[turn.id] = base_s + reserved_s, base_s
        self.reserved[number] = reserved_s + base_s, view.now

    def left(self, turn: Turn, number: int, now: float) -> None:
        latency_s, forgetting = now - turn.routed_s, self.parameters["forgetting"]
        expected_s, base_s = self.noted.pop(turn.id)
        residual_s = max(LEAST_S, latency_s - expected_s)
        self.weight[number] = forgetting * self.weight.get(number, 0.0) + 1.0
        self.residuals_s[number] = forgetting * self.residuals_s.get(number, 0.0) + residual_s
        own_s = base_s * math.exp(-latency_s / self.parameters["fade_s"])
        self.reserved[number] = max(0.0, self.reserved_s(number, now) - own_s), now


class Thompson(Learner):
    """Latency linear in five features of a turn on an instance, with weights drawn from what has been learned."""

    def __init__(self, parameters: Parameters, seed: int) -> None:
        super().__init__(parameters)
        self.seed = seed
        self.precision: dict[int, Matrix] = {}
        self.moment: dict[int, list[float]] = {}
        self.noted: dict[int, list[float]] = {}

    def features(self, view: View, turn: Turn, i: int) -> list[float]:
        seen = view.instances[i]
        tokens = view.uncached(i, turn) / 1000.0, seen.pending_tokens / 1000.0
        return [1.0, *tokens, view.turns(i) / 10.0, seen.wanted_share]

    def __call__(self, view: View, turn: Turn) -> int:
        draws = iter(range(2 * 5 * len(view.candidates)))

        def normal() -> float:
            first, second = (hash01(self.seed, (view.routed << 16) + next(draws)) for _ in range(2))
            return math.sqrt(-2.0 * math.log(1.0 - first)) * math.cos(2.0 * math.pi * second)

        latency_s = {}
        for i in view.candidates:
            weights = self.drawn(i, [normal() for _ in range(5)])
            latency_s[i] = sum(w * x for w, x in zip(weights, self.features(view, turn, i), strict=True))
        return min(latency_s, key=lambda i: (latency_s[i], i))

    def drawn(self, i: int, normals: Sequence[float]) -> list[float]:
        """L^-T (L^-1 b + exploration z), L being the factor of precision + prior."""
        factor = self.factor(i)
        moment = self.moment.get(i, [0.0] * 5)
        forward: list[float] = []
        for a in range(5):
            forward.append((moment[a] - dot(factor[a][:a], forward)) / factor[a][a])
        forward = [x + self.parameters["exploration"] * z for x, z in zip(forward, normals, strict=True)]
        weights = [0.0] * 5
        for a in reversed(range(5)):
            rest = forward[a]
            for k in range(a + 1, 5):
                rest -= factor[k][a] * weights[k]
            weights[a] = rest / factor[a][a]
        return weights

    def factor(self, i: int) -> Matrix:
        """Cholesky."""
        precision = self.precision.get(i, [[0.0] * 5 for _ in range(5)])
        factor = [[0.0] * 5 for _ in range(5)]
        for a in range(5):
            for b in range(a + 1):
                rest = precision[a][b] + (self.parameters["prior_weight"] if a == b else 0.0)
                for k in range(b):
                    rest -= factor[a][k] * factor[b][k]
                factor[a][b] = math.sqrt(rest) if a == b else rest / factor[b][b]
        return factor

    def sent(self, view: View, turn: Turn, number: int) -> None:
        self.noted[turn.id] = self.features(view, turn, number)

    def left(self, turn: Turn, number: int, now: float) -> None:
        x, forgetting, latency_s = self.noted.pop(turn.id), self.parameters["forgetting"], now - turn.routed_s
        precision = self.precision.setdefault(number, [[0.0] * 5 for _ in range(5)])
        moment = self.moment.setdefault(number, [0.0] * 5)
        for a in range(5):
            moment[a] = forgetting * moment[a] + x[a] * latency_s
            for b in range(5):
                precision[a][b] = forgetting * precision[a][b] + x[a] * x[b]


def dot(left: Sequence[float], right: Sequence[float]) -> float:
    total = 0.0
    for x, y in zip(left, right, strict=True):
        total += x * y
    return total
