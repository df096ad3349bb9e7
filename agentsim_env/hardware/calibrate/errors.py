"""Error of a profile on measured iterations, per regime."""

from typing import NamedTuple

import numpy as np

from agentsim_env.hardware.calibrate.steps import REGIMES, Steps, predict_s
from agentsim_env.hardware.profile import Profile


class RegimeError(NamedTuple):
    """Relative errors over the iterations of one regime.

    Attributes:
        regime: decode, prefill or mixed.
        steps: Iterations.
        mean: Mean absolute relative error, a fraction; likewise `p50` and `p95`.
        bias: Mean signed relative error, positive where the profile is slow.
    """

    regime: str
    steps: int
    mean: float
    p50: float
    p95: float
    bias: float


def regime_errors(profile: Profile, steps: Steps) -> tuple[RegimeError, ...]:
    """Errors of `profile` on `steps`, one entry for each regime that occurs."""
    error = predict_s(profile, steps) / steps.seconds - 1.0
    found: list[RegimeError] = []
    for i, name in enumerate(REGIMES):
        here = error[steps.regime == i]
        if len(here):
            size = np.abs(here)
            p50, p95 = np.quantile(size, [0.5, 0.95])
            found.append(RegimeError(name, len(here), float(size.mean()), float(p50), float(p95), float(here.mean())))
    return tuple(found)


def describe(errors: tuple[RegimeError, ...]) -> str:
    """One line: mean/p50/p95 in percent per regime."""
    parts = [f"{e.regime} {100 * e.mean:.1f}/{100 * e.p50:.1f}/{100 * e.p95:.1f} % (n={e.steps})" for e in errors]
    return "mean/p50/p95: " + ", ".join(parts)


def table(errors: tuple[RegimeError, ...]) -> str:
    """A table for the terminal, percent."""
    lines = [f"{'regime':8} {'n':>6} {'mean':>6} {'p50':>6} {'p95':>6} {'bias':>6}"]
    for e in errors:
        numbers = " ".join(f"{100 * value:6.2f}" for value in (e.mean, e.p50, e.p95, e.bias))
        lines.append(f"{e.regime:8} {e.steps:6} {numbers}")
    return "\n".join(lines)
