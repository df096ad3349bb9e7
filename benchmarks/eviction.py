"""The time of one eviction decision, by rule and by the number of programs in the episode.

    python -m benchmarks.eviction
    python -m benchmarks.eviction --programs 100 1000 10000 --rules lru lfu

Episodes of the pressed coding agents run until somebody is asked which KV goes, again and again; there the rule is
asked what it would take, many times in a row. What it looks at is the idle KV of one instance, which memory bounds.
"""

import argparse
import time
from statistics import median

import numpy as np

from agentsim_env import Simulator, load_scenario

SAMPLES = 40
"""Decisions that are looked at in an episode, spread over its second half."""

REPEATS = 500
"""How often the rule is asked at each of them."""


def decision_s(rule: str, programs: int) -> tuple[float, float]:
    """Median time of a decision in an episode of so many programs, and the mean number of candidates.

    Programs arrive at a rate that does not depend on their number: what grows is how many there have been.
    """
    overrides = {
        "rules.evict_kv": rule,
        "workload.arrivals": {"process": "poisson", "rate_per_s": 0.14},
        "episode.programs": programs,
        "episode.warmup_programs": 0,
        "decisions.candidates": 64,
    }
    simulator = Simulator(load_scenario("coding_agents_pressed", overrides), agent_kinds=("evict_kv",))
    simulator.reset(0)
    half = programs // 2
    seconds, candidates = [], []
    while len(seconds) < SAMPLES and (decision := simulator.next_decision()) is not None:
        if int(simulator.state.world["n_arrived"][0]) >= half:
            start_s = time.perf_counter()
            for _ in range(REPEATS):
                simulator.core.default()
            seconds.append((time.perf_counter() - start_s) / REPEATS)
            candidates.append(len(decision.candidates))
        simulator.apply(decision.default)
    return median(seconds), float(np.mean(candidates))


def main() -> None:
    """Print a table: microseconds a decision, and candidates, by rule and programs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--rules", nargs="+", default=["lru", "lfu", "saga_wa_lru", "marconi"])
    given = parser.parse_args()
    print("| rule | " + " | ".join(f"{n:,} programs" for n in given.programs) + " |")
    print("|---|" + "---|" * len(given.programs))
    for rule in given.rules:
        cells = []
        for n in given.programs:
            seconds, candidates = decision_s(rule, n)
            cells.append(f"{seconds * 1e6:.2f} µs ({candidates:.0f})")
        print(f"| {rule} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
