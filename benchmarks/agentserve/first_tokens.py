"""What holds up first tokens: TTFT of AgentServe and vLLM, and of prompts that have the card for themselves."""

from collections.abc import Mapping
from itertools import product

from benchmarks.agentserve.cells import FIGURES, Cell, Figures, mean
from benchmarks.agentserve.grid import AGENTS
from benchmarks.agentserve.systems import ABLATIONS, AGENT_SERVE, PROMPTS_FIRST, SYSTEMS, System
from benchmarks.consumer_gpu.pairs import number
from benchmarks.consumer_gpu.tasks import TWELVE_TASKS

CARD, MODEL = "RTX A5000", "Llama-3-8B"

SHOWN = ("ttft_p50_ms", "ttft_mean_ms", "ttft_p95_ms", "resume_ttft_p95_ms", "tpot_p95_ms")

HELD: dict[str, System] = {
    "vLLM": SYSTEMS["vLLM"],
    "AgentServe": AGENT_SERVE,
    "no feedback": ABLATIONS["no feedback"],
    "prompts on 99 %": PROMPTS_FIRST,
}

FirstTokens = Mapping[tuple[str, int], Mapping[str, Figures]]
"""By paradigm and agents, then by system."""


def first_tokens(seeds: range) -> FirstTokens:
    """For the fewest and the most agents of the grid."""
    return {
        (paradigm, agents): {
            name: mean(system, Cell(CARD, MODEL, paradigm, agents), seeds) for name, system in HELD.items()
        }
        for paradigm, agents in product(TWELVE_TASKS, (AGENTS[0], AGENTS[-1]))
    }


def first_token_lines(found: FirstTokens) -> list[str]:
    """The table, in Markdown."""
    lines = [f"| paradigm | agents | figure | {' | '.join(HELD)} |", "|---|---:|---|" + "---:|" * len(HELD)]
    for (paradigm, agents), systems in found.items():
        for figure in SHOWN:
            cells = [number(getattr(figures, figure)) for figures in systems.values()]
            lines.append(f"| {paradigm} | {agents} | {FIGURES[figure]} | {' | '.join(cells)} |")
    return lines
