"""Simulates what was measured on one consumer GPU and writes the page.

python -m benchmarks.consumer_gpu                          # docs/consumer_gpu.md, half a minute
python -m benchmarks.consumer_gpu --seeds 5 --out /tmp/a.md
"""

from pathlib import Path

from benchmarks.consumer_gpu.page import Results, page
from benchmarks.consumer_gpu.rows import MEASURED, sweep_rows, task_rows, whole_prompt_row
from benchmarks.consumer_gpu.runs import within_slo
from benchmarks.written_page import write_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "consumer_gpu.md"

CARDS = (("RTX A5000", "Llama-3-8B", 2.0), ("RTX A5000", "Llama-3-8B", 3.0), ("RTX 4090", "Llama-3-8B", 2.0))
"""Cards and models on which the objectives are so many times what one agent alone gets."""

LONG_EPISODES = range(3)
"""Seeds of the objectives, whose episodes have 640 agents."""


def results(seeds: range) -> Results:
    """Simulate everything that the page shows."""
    cells = [(model, paradigm) for model, paradigms in MEASURED["twelve_tasks"].items() for paradigm in paradigms]
    counts = [(*cell, agents) for cell in cells for agents in MEASURED["twelve_tasks"][cell[0]][cell[1]]["llama.cpp"]]
    return Results(
        tasks={cell: task_rows(*cell, seeds) for cell in cells},
        sweep=sweep_rows(seeds),
        whole={count: whole_prompt_row(*count, seeds) for count in counts},
        slo={card: within_slo(*card, LONG_EPISODES) for card in CARDS},
        seeds=len(seeds),
    )


if __name__ == "__main__":
    write_page(__doc__, PAGE, lambda seeds: page(results(seeds)), seeds=20, episodes="episodes of twelve sessions")
