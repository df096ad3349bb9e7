"""Searches what there is to gain and writes the page.

python -m benchmarks.headroom                          # docs/headroom.md, some ten minutes of a core
python -m benchmarks.headroom --seeds 2 --out /tmp/h.md
"""

import time
from pathlib import Path

from agentsim_env import load_scenario
from benchmarks.headroom.page import Rolled, page
from benchmarks.headroom.rollouts import improve
from benchmarks.headroom.rows import headroom
from benchmarks.written_page import write_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "headroom.md"

SCENARIOS = ("coding_agents_pressed", "pressure_0.5", "pressure_1", "swe_agents_70b")
"""Those behind the knee, where answers matter."""

BUDGET = 1000
"""Episodes of the search in a scenario."""

ROLLED = (
    ("coding_agents_pressed", "admit_program", "thunder_agent", 3),
    ("coding_agents_pressed", "schedule_turn", "least_uncached", 1),
    ("pressure_1", "route_turn", "lowest_estimated_latency", 1),
)
"""Scenario, kind and rule that rollouts improve on, and how many held-out seeds; each tries some thousand answers."""


def rolled(scenario: str, kind: str, rule: str, seed: int) -> Rolled:
    """Go through an episode with rollouts."""
    begun_s = time.process_time()
    improved = improve(load_scenario(scenario, {f"rules.{kind}": rule}), kind, seed)
    return Rolled(scenario, kind, rule, seed, improved, time.process_time() - begun_s)


def made(seeds: range) -> str:
    """The page."""
    found = [headroom(name, seeds, BUDGET) for name in SCENARIOS]
    episodes = [rolled(name, kind, rule, seed) for name, kind, rule, count in ROLLED for seed in seeds[:count]]
    return page(found, episodes, BUDGET, len(seeds))


if __name__ == "__main__":
    write_page(__doc__, PAGE, made, seeds=20, episodes="held-out seeds")
