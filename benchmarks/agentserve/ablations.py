"""What the parts of AgentServe are worth, with four agents: figures without a part over those with it."""

from collections.abc import Mapping
from itertools import product

from benchmarks.agentserve.cells import Cell, Figures, mean
from benchmarks.agentserve.grid import CARDS, MODELS, Place
from benchmarks.agentserve.systems import ABLATIONS, System
from benchmarks.consumer_gpu.tasks import TWELVE_TASKS

AGENTS = 4

SHOWN = ("ttft_p95_ms", "tpot_p95_ms", "call_tpot_p95_ms", "tpot_variance_ms2")


def ablations(system: System, seeds: range) -> dict[Place, dict[str, Figures]]:
    """Each figure of each ablation over that of the system, by card, model and paradigm."""
    return {
        place: {name: _ratios(ablation, system, Cell(*place, AGENTS), seeds) for name, ablation in ABLATIONS.items()}
        for place in product(CARDS, MODELS, TWELVE_TASKS)
    }


def _ratios(ablation: System, system: System, cell: Cell, seeds: range) -> Figures:
    pairs = zip(mean(ablation, cell, seeds), mean(system, cell, seeds), strict=True)
    return Figures(*(without / whole for without, whole in pairs))


def ablation_lines(found: Mapping[Place, Mapping[str, Figures]]) -> list[str]:
    """The table, in Markdown: TTFT p95 / TPOT p95 / TPOT of a call p95 / TPOT variance, as factors."""
    lines = [f"| card, model, paradigm | {' | '.join(ABLATIONS)} |", "|---|" + "---:|" * len(ABLATIONS)]
    for place, ratios in found.items():
        cells = [" / ".join(f"{getattr(ratio, figure):.2f}" for figure in SHOWN) for ratio in ratios.values()]
        lines.append(f"| {', '.join(place)} | {' | '.join(cells)} |")
    return lines
