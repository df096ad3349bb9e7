"""From nothing to a trained agent beside every rule, in a few minutes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from agents.rule import SCENARIO_RULES
from training.config import create_run, is_run
from training.environments import find_environment
from training.evaluate import evaluate
from training.report import save
from training.results import Results
from training.tables import print_table
from training.train import run

_ALGO = "ppo"


def quickstart(
    out: Path,
    console: Console,
    *,
    environment: str = "routing",
    scenario: Any = None,
    overrides: Sequence[str] = (),
    steps: int | None = None,
    seed: int = 0,
    seeds: int = 20,
    jobs: int = 2,
) -> Results:
    """Trains an agent with PPO and compares it with every rule on held-out seeds.

    Args:
        out: Folder for the run and the results. A run that is there already is gone on with.
        console: Where to print.
        environment: Name of the environment.
        scenario: Name or path of the scenario; None for that of the environment.
        overrides: `path=value` strings laid over the scenario.
        steps: Decisions to learn from; by default those of the hyper-parameters.
        seed: Seed of the training.
        seeds: Number of test seeds.
        jobs: Processes of the evaluation.

    Returns:
        The results of the evaluation.
    """
    if is_run(out):
        console.print(f"Going on with the run in {out}; remove the folder to begin anew.")
    else:
        create_run(environment, _ALGO, scenario=scenario, overrides=overrides, steps=steps, seed=seed, out=out)
    run(out, console)
    agents = [f"{_ALGO}={out}", *opponents(environment)]
    results = evaluate(
        agents, scenario=out / "scenario.yaml", environment=environment, seeds=seeds, jobs=jobs, console=console
    )
    print_table(results, console)
    save(results, out, agents)
    console.print(f"Model, configuration, tables and picture are in {out}: see results.md and results.png there.")
    return results


def opponents(environment: str) -> list[str]:
    """Every rule that can answer in an environment; where it has several kinds, with the scenario's for the others."""
    from agentsim_env.engine.rules.tables import RULES

    kinds = find_environment(environment).kinds
    if len(kinds) == 1:
        return list(RULES[kinds[0]])
    return [SCENARIO_RULES, *(f"{kind}.{rule}" for kind in kinds for rule in RULES[kind])]
