"""Where the knee of a scenario is: `python -m benchmarks.knee tool_chat`.

Prints, in Markdown, the mean time that a program waits for or is served by the cluster (JCT without gaps) against the
load, one column a rule. Where the columns part, policies begin to differ.
"""

import argparse
from collections.abc import Sequence

import numpy as np

from agentsim_env import Simulator, load_scenario
from agentsim_env.capacity import capacity_per_s
from agentsim_env.scenario import Scenario
from agentsim_env.workload import prepare

LOADS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2)
RULES = ("round_robin", "least_loaded", "session_affinity", "lowest_estimated_latency")


def busy_s(scenario: Scenario, rate_per_s: float, rule: str, seeds: Sequence[int]) -> tuple[float, float]:
    """Mean time in which a program waits or is served, and turns of an episode, over episodes.

    Args:
        scenario: The scenario.
        rate_per_s: Programs that arrive per second.
        rule: What routes.
        seeds: A seed an episode.
    """
    simulator = Simulator(scenario, rules={"route_turn": rule}, source=prepare(scenario, rate_per_s=rate_per_s))
    means: list[float] = []
    turns: list[int] = []
    for seed in seeds:
        simulator.reset(seed)
        simulator.run()
        figures = simulator.summary()
        means.append(figures["mean_jct_s"] - figures["mean_gap_s"])
        turns.append(len(simulator.programs.turn))
    return float(np.mean(means)), float(np.mean(turns))


def table(scenario: Scenario, loads: Sequence[float], rules: Sequence[str], seeds: Sequence[int]) -> str:
    """The table of a scenario."""
    capacity = capacity_per_s(scenario)
    lines = [
        f"{scenario.name}: capacity {capacity:.4g} programs per second under {scenario.rules.route_turn};"
        f" mean JCT without gaps in seconds, {len(seeds)} seeds,"
        f" episodes of {scenario.episode.programs} programs, {scenario.episode.warmup_programs} of them warm-up",
        "",
        f"| load | {' | '.join(rules)} | best over least_loaded |",
        f"| ---: |{' ---: |' * (len(rules) + 1)}",
    ]
    turns = 0.0
    for load in loads:
        measured = [busy_s(scenario, load * capacity, rule, seeds) for rule in rules]
        means = [mean for mean, _ in measured]
        turns = measured[0][1]
        gain = min(means) / means[rules.index("least_loaded")] - 1.0 if "least_loaded" in rules else 0.0
        lines.append(f"| {load:g} | {' | '.join(f'{mean:.2f}' for mean in means)} | {100 * gain:+.1f} % |")
    return "\n".join([*lines, "", f"{turns:,.0f} turns in an episode"])


def main() -> None:
    """Prints the tables of the scenarios that are named."""
    parser = argparse.ArgumentParser(description="Prints mean JCT without gaps against load, one column a rule.")
    parser.add_argument("scenarios", nargs="+", help="names of the library, or paths")
    parser.add_argument("--loads", nargs="+", type=float, default=LOADS, help="fractions of the capacity")
    parser.add_argument("--rules", nargs="+", default=RULES, help="rules for route_turn")
    parser.add_argument("--seeds", type=int, default=5, help="episodes a point")
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", help="change a value of the scenario"
    )
    given = parser.parse_args()
    for name in given.scenarios:
        print(table(load_scenario(name, given.set), given.loads, given.rules, range(given.seeds)), flush=True)
        print()


if __name__ == "__main__":
    main()
