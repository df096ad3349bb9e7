"""What may be said of a run that has begun: nothing that contradicts it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentsim_env.training import environments
from agentsim_env.training.checkpoint import read_checkpoint
from agentsim_env.training.config import RunConfig, extend, load_run
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.hyperparameters import load_hyperparameters
from agentsim_env.training.lock import locked

_FIELDS = {
    "environment": "environment",
    "algo": "algo",
    "seed": "seed",
    "envs": "n_envs",
    "steps": "steps",
    "validation_every": "validation_every",
    "validation_episodes": "validation_episodes",
    "checkpoint_every": "checkpoint_every",
}
"""Options, and what a run remembers of them."""


def prepare_to_resume(folder: Path, steps: int | None, given: Mapping[str, Any], **meant: Any) -> None:
    """Extends a run if more steps are asked for, and says where it goes on.

    Args:
        folder: Its folder.
        steps: Decisions to learn from in all; None for what the run has.
        given: See `refuse_contradictions`.
        meant: Likewise.

    Raises:
        TrainingError: Something contradicts the run, or another process trains in it.
    """
    refuse_contradictions(folder, load_run(folder)[0], given, **meant)
    if steps is not None:
        extend(folder, steps)
    with locked(folder):
        checkpoint = read_checkpoint(folder)
    print(f"Going on from {checkpoint.path}" if checkpoint else f"{folder} has no checkpoint: beginning anew")


def refuse_contradictions(
    folder: Path,
    config: RunConfig,
    given: Mapping[str, Any],
    scenario: Any = None,
    overrides: Sequence[str] = (),
    trace: Path | None = None,
    bundle: str | None = None,
    advice: str | None = None,
    hyper: Sequence[str] = (),
) -> None:
    """Refuses options that say other things than what a run began with.

    Args:
        folder: Folder of the run.
        config: The run.
        given: Options by name, as `seed`; those that are None were not given.
        scenario: Scenario that was asked for, as in `create_run`; None if none was.
        overrides: Likewise.
        trace: Likewise.
        bundle: Likewise.
        advice: Likewise.
        hyper: Likewise.

    Raises:
        TrainingError: It names every option that contradicts, and what the run has.
    """
    wrong = [
        f"{name.replace('_', '-')} {value} (the run has {getattr(config, _FIELDS[name])})"
        for name, value in given.items()
        if value is not None and value != getattr(config, _FIELDS[name])
    ]
    asked = {"scenario": scenario, "set": overrides, "trace": trace, "bundle": bundle, "advice": advice}
    if any(asked.values()):
        meant = environments.load(scenario, overrides, trace, bundle, config.environment, advice)
        if meant.content_hash() != config.scenario_hash:
            named = ", ".join(name for name, value in asked.items() if value)
            wrong.append(f"{named} (the run has another scenario: {folder / 'scenario.yaml'})")
    if hyper:
        advised = load_run(folder)[1].decisions.advice
        values = load_hyperparameters(config.environment, config.algo, hyper, advised)
        wrong += [
            f"hyper {name}={values[name]} (the run has {config.hyperparameters.get(name)})"
            for name in (text.partition("=")[0] for text in hyper)
            if values[name] != config.hyperparameters.get(name)
        ]
    if wrong:
        listed = "; ".join(f"--{text}" if not text.startswith("environment") else text for text in wrong)
        raise TrainingError(
            f"{listed}: a run goes on as it began; leave that away to go on with {folder}, or begin another in a"
            " folder of its own (--out)"
        )
