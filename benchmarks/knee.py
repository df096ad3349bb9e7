"""Where the knee of a scenario is: `python -m benchmarks.knee tool_chat`.

Prints, in Markdown, the mean time that a program waits for or is served by the cluster (JCT without gaps) against the
load, one column a router, or with `--bundles` one a bundle. Where the columns part, policies begin to differ.
"""

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from agentsim_env import Simulator, load_scenario
from agentsim_env.capacity import capacity_per_s
from agentsim_env.load import prepare
from agentsim_env.scenario import Scenario, bundles

LOADS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2)
RULES = ("least_loaded", "round_robin", "session_affinity", "lowest_estimated_latency")


def busy_s(
    scenario: Scenario, rate_per_s: float, policy: str, seeds: Sequence[int], are_bundles: bool
) -> tuple[float, float]:
    """Mean time in which a program waits or is served, and turns of an episode, over episodes.

    Args:
        scenario: The scenario.
        rate_per_s: Programs that arrive per second.
        policy: What routes, or a bundle.
        seeds: A seed an episode.
        are_bundles: Whether policies are bundles.
    """
    source = prepare(scenario, rate_per_s=rate_per_s)
    given: dict[str, Any] = {"bundle": policy} if are_bundles else {"rules": {"route_turn": policy}}
    simulator = Simulator(scenario, **given, source=source)
    means: list[float] = []
    turns: list[int] = []
    for seed in seeds:
        simulator.reset(seed)
        simulator.run()
        figures = simulator.summary()
        means.append(figures["mean_jct_s"] - figures["mean_gap_s"])
        turns.append(len(simulator.programs.turn))
    return float(np.mean(means)), float(np.mean(turns))


def table(
    scenario: Scenario, loads: Sequence[float], policies: Sequence[str], seeds: Sequence[int], are_bundles: bool = False
) -> str:
    """The table of a scenario; the last column compares the best policy with the first."""
    capacity = capacity_per_s(scenario)
    lines = [
        f"{scenario.name}: capacity {capacity:.4g} programs per second under {scenario.rules.route_turn};"
        f" mean JCT without gaps in seconds, {len(seeds)} seeds,"
        f" episodes of {scenario.episode.programs} programs, {scenario.episode.warmup_programs} of them warm-up",
        "",
        f"| load | {' | '.join(policies)} | best over {policies[0]} |",
        f"| ---: |{' ---: |' * (len(policies) + 1)}",
    ]
    turns = 0.0
    for load in loads:
        measured = [busy_s(scenario, load * capacity, policy, seeds, are_bundles) for policy in policies]
        means = [mean for mean, _ in measured]
        turns = measured[0][1]
        gain = min(means) / means[0] - 1.0
        lines.append(f"| {load:.3g} | {' | '.join(f'{mean:.2f}' for mean in means)} | {100 * gain:+.1f} % |")
    return "\n".join([*lines, "", f"{turns:,.0f} turns in an episode"])


def default_loads(scenario: Scenario) -> Sequence[float]:
    """The load of a scenario whose rate is given, `LOADS` for one whose load is."""
    rate_per_s = getattr(scenario.workload.arrivals, "rate_per_s", None)
    return LOADS if rate_per_s is None else (rate_per_s / capacity_per_s(scenario),)


def main() -> None:
    """Prints the tables of the scenarios that are named."""
    parser = argparse.ArgumentParser(description="Prints mean JCT without gaps against load, one column a rule.")
    parser.add_argument("scenarios", nargs="+", help="names of the library, or paths")
    parser.add_argument(
        "--loads",
        nargs="+",
        type=float,
        help="fractions of the capacity; default: 0.5 to 1.2, or the scenario's own rate",
    )
    parser.add_argument("--rules", nargs="+", default=RULES, help="rules for route_turn")
    parser.add_argument("--bundles", nargs="*", help="bundles instead of routers; all of them if none is named")
    parser.add_argument("--seeds", type=int, default=5, help="episodes a point")
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", help="change a value of the scenario"
    )
    given = parser.parse_args()
    are_bundles = given.bundles is not None
    policies = (given.bundles or bundles()) if are_bundles else given.rules
    for name in given.scenarios:
        scenario = load_scenario(name, given.set)
        loads = given.loads or default_loads(scenario)
        print(table(scenario, loads, policies, range(given.seeds), are_bundles), flush=True)
        print()


if __name__ == "__main__":
    main()
