"""Figures of all systems, cell by cell."""

from collections.abc import Mapping
from itertools import product

from benchmarks.agentserve.cells import FIGURES, Cell, Figures, mean
from benchmarks.agentserve.systems import SYSTEMS
from benchmarks.consumer_gpu.pairs import number
from benchmarks.consumer_gpu.tasks import TWELVE_TASKS

CARDS = ("RTX A5000", "RTX 4090")
"""Those of the paper. What it calls an RTX 5090 has 128 SMs: that is an RTX 4090."""

MODELS = ("Qwen2.5-3B", "Qwen2.5-7B", "Llama-3-8B")

AGENTS = range(3, 7)
"""Agents at once, as in the paper."""

SHOWN = ("tpot_p95_ms", "ttft_p50_ms", "ttft_p95_ms", "tok_per_s")
"""Figures of `Figures` that the table has."""

Place = tuple[str, str, str]
"""Card, model and paradigm."""


def grid(seeds: range) -> dict[Place, dict[str, list[Figures]]]:
    """Means over the seeds for each number of agents, by system."""
    return {
        (gpu, model, paradigm): {
            name: [mean(system, Cell(gpu, model, paradigm, agents), seeds) for agents in AGENTS]
            for name, system in SYSTEMS.items()
        }
        for gpu, model, paradigm in product(CARDS, MODELS, TWELVE_TASKS)
    }


def grid_lines(found: Mapping[Place, Mapping[str, list[Figures]]]) -> list[str]:
    """The table, in Markdown: from the fewest to the most agents."""
    lines = [f"| card, model, paradigm | figure | {' | '.join(SYSTEMS)} |", "|---|---|" + "---:|" * len(SYSTEMS)]
    for place, systems in found.items():
        for figure in SHOWN:
            cells = [
                " / ".join(number(getattr(figures, figure)) for figures in by_agents) for by_agents in systems.values()
            ]
            lines.append(f"| {', '.join(place)} | {FIGURES[figure]} | {' | '.join(cells)} |")
    return lines
