"""The heat map: mean JCT of each policy on each scenario over that of stock."""

from pathlib import Path

import numpy as np

from benchmarks.baselines.results import Results

_MOST = 3.0
"""Ratio at which the colours end, in both directions."""


def save_picture(results: Results, path: Path) -> None:
    """Draws it, the policies that gain most on top."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import TwoSlopeNorm
    from matplotlib.figure import Figure

    policies = results.ranking
    ratios = np.array([[results.ratio(scenario, policy.name) for scenario in results.scenarios] for policy in policies])
    figure = Figure(
        figsize=(1.5 + 0.95 * len(results.scenarios), 1.4 + 0.2 * len(policies)), dpi=160, layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    shades = np.log(np.clip(ratios, 1.0 / _MOST, _MOST))
    norm = TwoSlopeNorm(0.0, -np.log(_MOST), np.log(_MOST))
    # Purple and orange are told apart by everybody; white is no difference.
    axes.imshow(shades, cmap="PuOr_r", norm=norm, aspect="auto")
    axes.set_xticks(range(len(results.scenarios)), results.scenarios, rotation=35, ha="left", fontsize=7.5)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(policies)), [policy.name for policy in policies], fontsize=7)
    for tick, policy in zip(axes.get_yticklabels(), policies, strict=True):
        tick.set_fontweight("bold" if policy.kind == "bundle" else "normal")
        tick.set_fontstyle("italic" if policy.oracle else "normal")
    for (row, column), ratio in np.ndenumerate(ratios):
        dark = abs(shades[row, column]) > 0.75 * np.log(_MOST)
        axes.text(column, row, f"{ratio:.2f}", ha="center", va="center", fontsize=6, color="white" if dark else "black")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure.suptitle("Mean JCT over that of stock (LRU, FCFS, session affinity)", fontsize=9, x=0.01, ha="left")
    figure.savefig(path)
