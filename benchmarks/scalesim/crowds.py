"""More and more agents: what prefetch gains, and what simulating them costs."""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agentsim_env import Simulator, load_scenario
from benchmarks.consumer_gpu.pairs import number
from benchmarks.scalesim.classes import speedup, ttft_change
from benchmarks.scalesim.runs import SCENARIO, Figures, figures
from benchmarks.scalesim.settings import MAIN, SETTINGS, changes_of
from benchmarks.scalesim.systems import SYSTEMS

AGENTS = (100, 200, 400, 800)
"""Of which always the same number fits."""

COMPARED = ("SGLang", "HiCache", "LRU beside", "ScaleSim")

SIMULATED = (1_000, 3_000, 10_000)
"""Agents whose simulation is timed."""

TIMED = ("LRU beside", "ScaleSim")
"""Systems whose simulation is timed."""

TIMED_STEPS = 5
"""Steps that are timed."""

REPEATS = 3
"""How often: the least counts, as a machine that others use takes longer, never shorter."""


class Cost(NamedTuple):
    """What a simulation takes.

    Attributes:
        agents: Agents of the world.
        agent_step_us: CPU time of each agent and step, microseconds by system.
    """

    agents: int
    agent_step_us: Mapping[str, float]


def crowds(seeds: range) -> dict[int, dict[str, Figures]]:
    """Figures of the independent class by agents and system."""
    setting = SETTINGS[MAIN]
    return {
        agents: {
            system: figures(SYSTEMS[system], changes_of(setting._replace(agents=agents), "world_independent"), seeds)
            for system in COMPARED
        }
        for agents in AGENTS
    }


def crowd_lines(rows: Mapping[int, Mapping[str, Figures]]) -> list[str]:
    """The table, in Markdown."""
    lines = [
        f"| agents | {' | '.join(f'TTFT, {system}, s' for system in COMPARED)} | against HiCache | over SGLang |",
        "|---:|" + "---:|" * (len(COMPARED) + 2),
    ]
    for agents, cell in rows.items():
        cells = [number(values.ttft_s) for values in cell.values()]
        change, gain = ttft_change(cell, "HiCache"), speedup(cell, "SGLang")
        lines.append(f"| {agents:,} | {' | '.join(cells)} | {100 * change:+.0f} % | {gain:.2f} |")
    return lines


def costs() -> list[Cost]:
    """CPU time of simulations of ever more agents, the same number of whose prefixes fits."""
    return [Cost(agents, {system: _agent_step_us(system, agents) for system in TIMED}) for agents in SIMULATED]


def _agent_step_us(system: str, agents: int) -> float:
    setting = SETTINGS["prefixes"]._replace(agents=agents)
    changes = changes_of(setting, "world_independent", {"steps": TIMED_STEPS, "prefix_tokens": {"value": 640}})
    changes["cluster.instances"] = [{"gpu": "H100", "kv_blocks": 125 * 40 + 2_500}]
    simulator = Simulator(load_scenario(SCENARIO, SYSTEMS[system] | changes))
    return 1e6 * min(_cpu_s(simulator) for _ in range(REPEATS)) / (agents * TIMED_STEPS)


def _cpu_s(simulator: Simulator) -> float:
    simulator.reset(0)
    began_s = time.process_time()
    simulator.run()
    return time.process_time() - began_s


def cost_lines(rows: Sequence[Cost]) -> list[str]:
    """The table, in Markdown."""
    lines = [f"| agents | {' | '.join(TIMED)} |", "|---:|" + "---:|" * len(TIMED)]
    return lines + [f"| {row.agents:,} | {' | '.join(map(number, row.agent_step_us.values()))} |" for row in rows]


def growth(rows: Sequence[Cost], system: str) -> float:
    """How many times more an agent's step costs with the most agents than with the fewest."""
    return rows[-1].agent_step_us[system] / rows[0].agent_step_us[system]
