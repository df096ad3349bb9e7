"""Simulates AgentServe's comparison and writes the page.

python -m benchmarks.agentserve                          # docs/agentserve.md, two minutes
python -m benchmarks.agentserve --seeds 2 --out /tmp/a.md
"""

from pathlib import Path

from benchmarks.agentserve.ablations import ablations
from benchmarks.agentserve.contexts import contexts
from benchmarks.agentserve.first_tokens import first_tokens
from benchmarks.agentserve.grid import grid
from benchmarks.agentserve.head_to_head import advantages
from benchmarks.agentserve.objectives import shares_within
from benchmarks.agentserve.page import Results, page
from benchmarks.agentserve.reproduction import reproduction
from benchmarks.agentserve.sensitivity import sensitivity
from benchmarks.agentserve.separation import steps
from benchmarks.agentserve.sessions import sessions
from benchmarks.agentserve.systems import AGENT_SERVE
from benchmarks.consumer_gpu.rows import sweep_rows
from benchmarks.written_page import write_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "agentserve.md"

LONG_EPISODES = range(5)
"""Seeds of the objectives, whose episodes have 640 agents."""


def results(seeds: range) -> Results:
    """Simulate everything that the page shows."""
    return Results(
        sweep=sweep_rows(seeds),
        contexts=contexts(seeds),
        steps=steps(),
        reproduction=reproduction(seeds),
        advantages=advantages(AGENT_SERVE, seeds),
        sessions=sessions(seeds),
        first_tokens=first_tokens(seeds),
        ablations=ablations(AGENT_SERVE, seeds),
        sensitivity=sensitivity(seeds),
        grid=grid(seeds),
        shares=shares_within(LONG_EPISODES),
        seeds=len(seeds),
    )


if __name__ == "__main__":
    write_page(__doc__, PAGE, lambda seeds: page(results(seeds)), seeds=5, episodes="episodes of twelve sessions")
