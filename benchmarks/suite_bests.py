"""What the best rules of each case of a suite are: `python -m benchmarks.suite_bests routing_own`.

Plays every rule of the environment's kind, and every bundle, on seeds that are for training, and prints them with their
mean cost over that of the suite's stock. What a suite names as `best` is chosen by this, never on its held-out seeds.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentsim_env.agents.bundle import PREFIX
from agentsim_env.agents.rule import SCENARIO_RULES
from agentsim_env.scenario.bundle import bundles
from agentsim_env.training.benchmark.suite import STOCK, Case, Suite, find_suite, suites
from agentsim_env.training.costs import cost_of
from agentsim_env.training.evaluate import evaluate
from agentsim_env.training.quickstart import opponents
from agentsim_env.training.splits import TRAINING

_SHOWN = 3


def ranking(suite: Suite, case: Case, traces: Path | None, seeds: int) -> list[tuple[str, float]]:
    """Rules and bundles that do not see the future, with their mean cost over that of stock, the cheapest first."""
    rules = [rule for rule in opponents(suite.environment) if "oracle" not in rule and rule != SCENARIO_RULES]
    systems = [f"{PREFIX}:{bundle}={PREFIX}:{bundle}" for bundle in bundles()]
    results = evaluate(
        [f"{STOCK}={suite.stock}", *rules, *systems],
        scenario=case.load(traces),
        environment=suite.environment,
        seeds=TRAINING.first(seeds),
    )
    costs = {
        agent: sum(cost_of(episode[column], results.scenario) for episode in results.rollouts)
        for column, agent in enumerate(results.agents)
    }
    stock = costs.pop(STOCK)
    return sorted(((agent, cost / stock) for agent, cost in costs.items()), key=lambda entry: entry[1])


def lines(name: str, suite: Suite, traces: Path | None, seeds: int) -> Iterator[str]:
    """A line for each case: the best rules, and the best bundles."""
    yield f"{name}: cost over that of {suite.stock}, {seeds} training seeds"
    for case in suite.cases:
        reason = case.missing(traces)
        if reason is not None:
            yield f"  {case.name}: {reason}"
            continue
        found = ranking(suite, case, traces, seeds)
        alone = [entry for entry in found if not entry[0].startswith(PREFIX)][:_SHOWN]
        systems = [entry for entry in found if entry[0].startswith(PREFIX)][:_SHOWN]
        yield f"  {case.name} ({case.opponent}): {_shown(alone)}; {_shown(systems)}"


def _shown(entries: list[tuple[str, float]]) -> str:
    return ", ".join(f"{agent} {ratio:.3f}" for agent, ratio in entries)


def main() -> None:
    """Reads the command line, plays and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", default=list(suites()), help="which; by default all")
    parser.add_argument("--seeds", type=int, default=20, help="training seeds of each case")
    parser.add_argument("--traces", type=Path, help="folder of the traces that cases replay")
    given: Any = parser.parse_args()
    for name in given.suites:
        for line in lines(name, find_suite(name)[1], given.traces, given.seeds):
            print(line, flush=True)


if __name__ == "__main__":
    main()
