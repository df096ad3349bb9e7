"""How much KV the programs of a scenario keep alive: `python -m benchmarks.working_set coding_agents`.

The working set is what the caches would hold if they held exactly what can be asked for again: the contexts of the
programs in progress, from their first turn to their last, every shared block once. It is measured with unlimited HBM
under the stock rules, as the mean over the time in which programs arrive. The rungs of the pressure ladder in the
library have memory for 2, 1, 0.5 and 0.25 times as much.
"""

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agentsim_env import Simulator, load_scenario
from agentsim_env.load import prepare
from agentsim_env.metrics import Records
from agentsim_env.scenario import Scenario
from agentsim_env.scenario.bundle import STOCK
from agentsim_env.workload import Programs

UNLIMITED_BLOCKS = 1 << 22
SHARED = -2
_NOBODY = -1


class WorkingSet(NamedTuple):
    """Blocks, means over episodes.

    Attributes:
        mean: Over the time in which programs arrive.
        peak: The most at any time.
        programs: Programs in progress, mean over the same time.
        capacity: KV blocks of all instances as the scenario has them.
    """

    mean: float
    peak: float
    programs: float
    capacity: int


def working_set(scenario: Scenario, seeds: Sequence[int]) -> WorkingSet:
    """Measures the working set of a scenario.

    Args:
        scenario: The scenario; its KV capacities do not matter.
        seeds: A seed an episode.
    """
    groups = range(len(scenario.cluster.instances))
    unlimited = load_scenario(scenario, {f"cluster.instances.{i}.kv_blocks": UNLIMITED_BLOCKS for i in groups})
    capacity = sum(engine.kv_blocks for engine in Simulator(scenario, source=prepare(scenario)).engines)
    simulator = Simulator(unlimited, bundle=STOCK, source=prepare(scenario))
    means, peaks, programs = [], [], []
    for seed in seeds:
        simulator.reset(seed)
        simulator.run()
        mean, peak, n = _of_episode(simulator.records(), simulator.programs)
        means.append(mean)
        peaks.append(peak)
        programs.append(n)
    return WorkingSet(float(np.mean(means)), float(np.mean(peaks)), float(np.mean(programs)), capacity)


def _of_episode(records: Records, programs: Programs) -> tuple[float, float, float]:
    """Mean and most blocks, and mean programs in progress."""
    rows = records.programs
    start_s, stop_s = float(rows["arrival_s"].min()), float(rows["arrival_s"].max())
    owner = _owners(programs)
    changes = [(0.0, int(programs.segment["n_blocks"][owner == SHARED].sum()))]
    for p, row in enumerate(rows):
        first = programs.program["first_turn"][p]
        turns = range(first, first + programs.program["n_turns"][p])
        grown = _growth(records.turns, programs, turns, owner)
        changes += grown
        if not np.isnan(row["end_s"]):
            changes.append((float(row["end_s"]), -sum(blocks for _, blocks in grown)))
    at_s, blocks = np.array(sorted(changes)).T
    held = np.cumsum(blocks)
    inside = np.clip(np.append(at_s, np.inf), start_s, stop_s)
    mean = float((held * np.diff(inside)).sum() / (stop_s - start_s))
    busy_s = np.clip(np.nan_to_num(rows["end_s"], nan=np.inf), start_s, stop_s) - np.minimum(rows["arrival_s"], stop_s)
    return mean, float(held.max()), float(busy_s.sum() / (stop_s - start_s))


def _owners(programs: Programs) -> np.ndarray:
    """The program whose turns alone use a segment, or SHARED."""
    owner = np.full(len(programs.segment), _NOBODY)
    for turn in programs.turn:
        s = turn["segment"]
        while s >= 0 and owner[s] not in (turn["program"], SHARED):
            owner[s] = turn["program"] if owner[s] == _NOBODY else SHARED
            s = programs.segment["parent"][s]
    return owner


def _growth(rows: np.ndarray, programs: Programs, turns: range, owner: np.ndarray) -> list[tuple[float, int]]:
    """(time, blocks) by which the private contexts of one program grow, when a turn is scheduled and when it ends."""
    held: dict[int, int] = {}
    grown = []
    for t in turns:
        for name, tokens in (("scheduled_s", 0), ("end_s", int(programs.turn["output_tokens"][t]) - 1)):
            at_s = float(rows[name][t])
            if np.isnan(at_s):
                continue
            blocks = -(-(int(programs.turn["prompt_tokens"][t]) + tokens) // programs.block_size)
            more = 0
            s = int(programs.turn["segment"][t])
            while s >= 0 and owner[s] != SHARED:
                segment = programs.segment[s]
                has = min(max(0, blocks - int(segment["start_block"])), int(segment["n_blocks"]))
                more += max(0, has - held.get(s, 0))
                held[s] = max(has, held.get(s, 0))
                s = int(segment["parent"])
            grown.append((at_s, more))
    return grown


def main() -> None:
    """Prints the working sets of the scenarios that are named."""
    parser = argparse.ArgumentParser(description="Prints the KV that the programs in progress of a scenario keep.")
    parser.add_argument("scenarios", nargs="+", help="names of the library, or paths")
    parser.add_argument("--seeds", type=int, default=5, help="episodes")
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", help="change a value of the scenario"
    )
    given = parser.parse_args()
    print("| scenario | programs in progress | working set (blocks) | peak | KV capacity | capacity / working set |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in given.scenarios:
        found = working_set(load_scenario(name, given.set), range(given.seeds))
        print(
            f"| {name} | {found.programs:.1f} | {found.mean:,.0f} | {found.peak:,.0f} | {found.capacity:,} |"
            f" {found.capacity / found.mean:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
