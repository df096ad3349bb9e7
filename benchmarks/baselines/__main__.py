"""Runs what is missing and writes the page, the picture and the numbers."""

import argparse
import time
from pathlib import Path

from benchmarks.baselines.cells import Cell, run_cells
from benchmarks.baselines.page import write_numbers, write_page
from benchmarks.baselines.picture import save_picture
from benchmarks.baselines.policies import policies
from benchmarks.baselines.results import Results

SCENARIOS = (
    "pressure_2",
    "pressure_1",
    "pressure_0.5",
    "pressure_0.25",
    "swe_agents_70b",
    "swe_agents_70b_dram",
    "coding_teams",
    "slow_tools",
    "coding_agents_heterogeneous",
)
"""The pressure ladder, a large model without and with host memory, DAGs, slow tools, different GPUs."""

_ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Compares every policy with stock on every scenario.")
    parser.add_argument("--scenarios", nargs="+", default=SCENARIOS, help="names of the library, or paths")
    parser.add_argument("--policies", nargs="+", help="names; stock is always among them")
    parser.add_argument("--seeds", type=int, default=16, help="episodes of a policy on a scenario")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--out", type=Path, default=_ROOT / "docs", help="folder of the page and the picture")
    given = parser.parse_args()
    everything = policies()
    stock = everything[0]
    chosen = [p for p in everything if given.policies is None or p is stock or p.name in given.policies]
    seeds = range(given.seeds)
    cells = [Cell(scenario, policy) for scenario in given.scenarios for policy in chosen]
    figures, began_s = {}, time.monotonic()
    for n, (cell, found) in enumerate(run_cells(cells, seeds, given.jobs), 1):
        figures[cell.scenario, cell.policy.name] = found
        passed_s = time.monotonic() - began_s
        print(f"\r{n} of {len(cells)} in {passed_s:,.0f} s: {cell.policy.name} on {cell.scenario}", end="\033[K")
    print()
    results = Results(tuple(given.scenarios), tuple(chosen), tuple(seeds), figures)
    given.out.mkdir(parents=True, exist_ok=True)
    save_picture(results, given.out / "baselines.png")
    write_page(results, given.out / "baselines.md", "baselines.png")
    write_numbers(results, given.out / "baselines.json")
    print(f"Written to {given.out}: baselines.md, .png and .json")


if __name__ == "__main__":
    main()
