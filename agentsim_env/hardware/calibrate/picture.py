"""Measured against fitted iterations, drawn."""

from pathlib import Path

import numpy as np

from agentsim_env.hardware.calibrate.steps import REGIMES, Steps, predict_s
from agentsim_env.hardware.profile import Profile


def draw(profile: Profile, steps: Steps, file: Path) -> None:
    """Draw fitted against measured time and the relative error over measured time, one colour a regime.

    Args:
        profile: Fitted profile.
        steps: Measured iterations.
        file: Where to write; the suffix names the format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    measured, fitted = steps.seconds * 1e3, predict_s(profile, steps) * 1e3
    for i, name in enumerate(REGIMES):
        here = steps.regime == i
        if here.any():
            left.loglog(measured[here], fitted[here], ".", markersize=2, label=f"{name} ({here.sum()})")
            right.semilogx(measured[here], 100 * (fitted[here] / measured[here] - 1), ".", markersize=2)
    ends = np.array([measured.min(), measured.max()])
    left.loglog(ends, ends, "k-", linewidth=0.7)
    left.set(xlabel="measured, ms", ylabel="fitted, ms")
    left.legend(markerscale=5)
    for axis in (left.xaxis, left.yaxis, right.xaxis):
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())
    right.axhline(0, color="k", linewidth=0.7)
    right.set(xlabel="measured, ms", ylabel="error, %")
    figure.suptitle(f"{profile.gpu}, {profile.model}, tp {profile.tp}, {profile.dtype}")
    figure.savefig(file, dpi=120)
