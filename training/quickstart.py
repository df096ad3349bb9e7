"""From nothing to a trained agent beside every rule, in a few minutes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from agentsim_env.agents.rule import SCENARIO_RULES
from agentsim_env.training.config import create_run, is_run, load_run
from agentsim_env.training.environments import find_environment
from agentsim_env.training.evaluate import evaluate
from agentsim_env.training.journal import FILE
from agentsim_env.training.report import save
from agentsim_env.training.results import Results
from agentsim_env.training.resuming import refuse_contradictions
from agentsim_env.training.tables import print_table
from agentsim_env.training.train import run


class Lesson(NamedTuple):
    """What is learned where nothing else is asked for.

    Attributes:
        scenario: Name of the scenario; None for that of the environment.
        algo: Name of the algorithm.
        advice: Rule that the agent begins as; None: it begins at nothing.
    """

    scenario: str | None = None
    algo: str = "ppo"
    advice: str | None = None


LESSONS = {"routing": Lesson("unequal_gpus_tight", "es", "lmetric")}
"""By environment: where an agent gets clearly ahead of every rule within a minute or two of training."""


def quickstart(
    out: Path,
    console: Console,
    *,
    environment: str = "routing",
    algo: str | None = None,
    scenario: Any = None,
    overrides: Sequence[str] = (),
    steps: int | None = None,
    seed: int | None = None,
    seeds: int = 20,
    jobs: int = 2,
) -> Results:
    """Trains an agent and compares it with every rule on held-out seeds.

    Args:
        out: Folder for the run and the results. A run that is there already is gone on with.
        console: Where to print.
        environment: Name of the environment.
        algo: Name of the algorithm; None for that of `LESSONS`.
        scenario: Name or path of the scenario; None for that of `LESSONS`.
        overrides: `path=value` strings laid over the scenario.
        steps: Decisions to learn from; by default those of the hyper-parameters.
        seed: Seed of the training; by default 0.
        seeds: Number of test seeds.
        jobs: Processes of the evaluation.

    Returns:
        The results of the evaluation.

    Raises:
        TrainingError: The folder has a run that began with something else.
    """
    if is_run(out):
        given = {"environment": environment, "algo": algo, "seed": seed, "steps": steps}
        refuse_contradictions(out, load_run(out)[0], given, scenario, overrides)
        console.print(f"Going on with the run in {out}; remove the folder to begin anew.", markup=False)
    else:
        lesson = LESSONS.get(environment, Lesson())
        create_run(
            environment,
            algo or lesson.algo,
            scenario=scenario or lesson.scenario,
            overrides=overrides,
            advice=lesson.advice if (algo, scenario) == (None, None) else None,
            steps=steps,
            seed=seed or 0,
            out=out,
        )
    run(out, console)
    config, learned = load_run(out)
    agents = [f"{config.algo}={out}", *opponents(environment)]
    results = evaluate(
        agents,
        scenario=learned,
        environment=environment,
        seeds=seeds,
        jobs=jobs,
        console=console,
        keep=out / FILE,
    )
    save(results, out, agents)
    print_table(results, console)
    console.print(
        f"Model, configuration, tables and picture are in {out}: see results.md and results.png there.", markup=False
    )
    return results


def opponents(environment: str) -> list[str]:
    """Every rule that can answer in an environment; where it has several kinds, with the scenario's for the others."""
    from agentsim_env.engine.tables import RULES

    kinds = find_environment(environment).kinds
    if len(kinds) == 1:
        return list(RULES[kinds[0]])
    return [SCENARIO_RULES, *(f"{kind}.{rule}" for kind in kinds for rule in RULES[kind])]
