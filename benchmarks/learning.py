"""What a short training learns in each environment: `python -m benchmarks.learning`.

Trains MaskablePPO with the hyper-parameters of each environment, some five minutes on a core, and compares it on
held-out seeds with the agent that knows nothing and with every rule of its kind. Writes `docs/results/ENVIRONMENT.md`
and, from these, `docs/environments.md`. A training that was stopped goes on where it was; one that is done is not
repeated.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from agentsim_env import registration
from agentsim_env.files import write_text
from agentsim_env.prose import wrapped
from agentsim_env.scenario import Scenario
from agentsim_env.training.config import create_run, is_run, load_run
from agentsim_env.training.costs import charges_time, cost_of
from agentsim_env.training.environments import ENVIRONMENTS, find_environment
from agentsim_env.training.evaluate import evaluate
from agentsim_env.training.files import read_json, write_json
from agentsim_env.training.metrics import UNSERVED, Metric
from agentsim_env.training.quickstart import opponents
from agentsim_env.training.results import Results
from agentsim_env.training.statistics import Interval, bootstrap, change
from agentsim_env.training.train import run

WHAT_TIME = (
    "the time that programs wait and are served, and the charges for those that are rejected: minus the return times"
    " `unit_s`"
)
OF_TIME = (
    Metric("mean_jct_s", "mean JCT", "s", digits=1),
    Metric("hit_rate", "hit rate", "%", digits=1, scale=100.0),
    Metric(UNSERVED.key, "not served", "%", digits=1, scale=100.0),
)
OF_OBJECTIVES = (
    Metric("turns_in_slo", "turns within both objectives", "%", digits=1, scale=100.0),
    Metric("mean_ttft_s", "TTFT", "s"),
    Metric("p95_ttft_s", "p95 TTFT", "s"),
    Metric("mean_tpot_s", "TPOT", "ms", digits=1, scale=1e3),
    Metric("p95_tpot_s", "p95 TPOT", "ms", digits=1, scale=1e3),
)
"""Columns beside the cost: where it is time, and where it is made of other terms."""

ALGO = "maskable_ppo"
LEARNED, RANDOM = "MaskablePPO", "uniform"
DOCS = Path(__file__).resolve().parents[1] / "docs"


def learn(environment: str, folder: Path, steps: int | None, console: Console) -> float:
    """Trains in one environment, or goes on with it; returns how many minutes of a core it has taken in all."""
    if not is_run(folder):
        create_run(environment, ALGO, steps=steps, out=folder)
    path = folder / "learning.json"
    spent = read_json(path) if path.exists() else {"minutes": 0.0, "done": False}
    if not spent["done"]:
        began_s = time.process_time()
        try:
            run(folder, console)
            spent["done"] = True
        finally:
            spent["minutes"] += (time.process_time() - began_s) / 60.0
            write_json(path, spent)
    return spent["minutes"]


def compare(environment: str, folder: Path, seeds: int, console: Console) -> Results:
    """Evaluates what was learned, random answers and all rules on the test seeds."""
    agents = [f"{LEARNED}={folder}", RANDOM, *opponents(environment)]
    return evaluate(
        agents,
        scenario=folder / "scenario.yaml",
        environment=environment,
        seeds=seeds,
        reference=RANDOM,
        console=console,
    )


def report(environment: str, results: Results, folder: Path, minutes: float) -> str:
    """The table of an environment, the cheapest agent first."""
    config, scenario = load_run(folder)
    default = find_environment(environment).default_rule(scenario)
    costs = {agent: costs_of(results, agent) for agent in results.agents}
    is_time = charges_time(scenario)
    columns = OF_TIME if is_time else OF_OBJECTIVES
    lines = [
        f"MaskablePPO after {config.steps:,} decisions ({minutes:.1f} minutes of one core) in `{scenario.name}`, beside"
        f" random answers and the rules, on {len(results.seeds)} held-out seeds, with the same programs for all. The"
        f" cost is {WHAT_TIME if is_time else _weighed(scenario)}. Brackets: 95 % bootstrap intervals of paired"
        f" differences. `{default}` is the scenario's rule; an `oracle` sees the future.",
        "",
        f"| agent | {'cost (s)' if is_time else 'cost'} | against random | "
        + " | ".join(column.heading for column in columns)
        + " |",
        "|---|" + "---:|" * (2 + len(columns)),
    ]
    ranking = sorted(costs, key=lambda agent: float(costs[agent].mean()))
    lines += [_row(results, agent, costs, columns) for agent in _best_of_each_kind(ranking)]
    return wrapped("\n".join(lines)) + "\n"


def costs_of(results: Results, agent: str) -> np.ndarray:
    """What an agent is trained to make small, one value a seed."""
    column = results.agents.index(agent)
    return np.array([cost_of(episode[column], results.scenario) for episode in results.rollouts])


def _weighed(scenario: Scenario) -> str:
    """In words: what a return is minus of."""
    terms = [f"{weight:g} x `{name}`" for name, weight in scenario.reward.terms.items() if weight]
    return f"minus the return, {' + '.join(terms)} of `reward.terms`"


def _best_of_each_kind(ranking: Sequence[str]) -> list[str]:
    """Where rules of several kinds are ranked, named with their kinds, only the first of each kind."""
    kept, seen = [], set()
    for agent in ranking:
        kind, dot, _ = agent.partition(".")
        if not dot or kind not in seen:
            kept.append(agent)
        if dot:
            seen.add(kind)
    return kept


def _row(results: Results, agent: str, costs: dict[str, np.ndarray], columns: Sequence[Metric]) -> str:
    shown = f"**{agent}**" if agent == LEARNED else "random" if agent == RANDOM else f"`{agent}`"
    against = "" if agent == RANDOM else _percent(bootstrap(change, costs[agent], costs[RANDOM]))
    figures = [column.show(float(results.values(agent, column.key).mean())) for column in columns]
    digits = 1 if columns is OF_TIME else 4
    return f"| {shown} | {costs[agent].mean():.{digits}f} | {against} | {' | '.join(figures)} |"


def _percent(interval: Interval) -> str:
    text = f"{100.0 * interval.estimate:+.1f} %"
    if np.isnan(interval.low):
        return text
    return f"{text} [{100.0 * interval.low:+.1f}, {100.0 * interval.high:+.1f}]"


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains, compares and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environments", nargs="*", default=list(ENVIRONMENTS), help="which; by default all")
    parser.add_argument("--out", type=Path, default=Path("runs/learning"), help="folder of the trainings")
    parser.add_argument("--steps", type=int, help="decisions to learn from, instead of those of the hyper-parameters")
    parser.add_argument("--seeds", type=int, default=20, help="test seeds")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the documentation")
    given: Any = parser.parse_args(arguments)
    console = Console()
    for environment in given.environments:
        folder = given.out / environment
        console.print(f"[bold]{environment}[/]")
        minutes = learn(environment, folder, given.steps, console)
        text = report(environment, compare(environment, folder, given.seeds, console), folder, minutes)
        write_text(given.docs / "results" / f"{environment}.md", text)
        write_text(given.docs / "environments.md", registration.page(given.docs / "results"))
        console.print(text)


if __name__ == "__main__":
    main()
