"""What defines a training run, and its folder."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import TypeAdapter, ValidationError

from agentsim_env.actions import whole_number
from agentsim_env.files import write_text
from agentsim_env.policies.advice import ADVICE, advice_of
from agentsim_env.training import environments
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.files import new_folder, write_json, write_yaml
from agentsim_env.training.hyperparameters import load_hyperparameters
from agentsim_env.training.lock import locked
from agentsim_env.training.manifest import command, describe_machine
from agentsim_env.training.own_model import own_model, with_own_model
from agentsim_env.training.splits import TRAINING, VALIDATION, workloads
from agentsim_env.training.start import checked_start, keep_start
from agentsim_env.training.updates import warn_if_nothing_changes

if TYPE_CHECKING:
    from agentsim_env.scenario import Scenario

MOST_ENVS = 4096
MOST_SEED = 2**32 - 1
_CONFIG = "config.yaml"
SCENARIO = "scenario.yaml"
"""Name of the file with the scenario in the folder of a run."""


@dataclass(frozen=True)
class RunConfig:
    """A training run; together with its scenario and the versions it fixes every bit of the result.

    Attributes:
        environment: Name of the environment, as `routing`.
        algo: Name of the algorithm.
        seed: Seed of the run: initial weights, exploration and the seeds of its episodes.
        steps: Decisions to learn from.
        n_envs: Environments that are stepped side by side.
        hyperparameters: All others, in the syntax of RL Baselines3 Zoo.
        validation_every: Decisions between two validations.
        validation_episodes: Episodes of a validation, one for each of the first validation seeds.
        checkpoint_every: Decisions between two checkpoints.
        scenario_hash: Content hash of the scenario beside the configuration.
    """

    environment: str
    algo: str
    seed: int
    steps: int
    n_envs: int
    hyperparameters: dict[str, Any]
    validation_every: int
    validation_episodes: int
    checkpoint_every: int
    scenario_hash: str


def create_run(
    environment: str = "routing",
    algo: str = "ppo",
    *,
    scenario: Any = None,
    overrides: Sequence[str] = (),
    trace: str | Path | None = None,
    bundle: str | None = None,
    advice: str | None = None,
    steps: int | None = None,
    envs: int | None = None,
    seed: int = 0,
    hyper: Sequence[str] = (),
    validation_every: int | None = None,
    validation_episodes: int = 8,
    checkpoint_every: int | None = None,
    start: str | Path | None = None,
    out: str | Path | None = None,
) -> Path:
    """Makes the folder of a run, with everything that `run` needs.

    Args:
        environment: Name of the environment.
        algo: Name of the algorithm.
        scenario: Name, path or scenario; None for that of the environment.
        overrides: `path=value` strings laid over the scenario.
        trace: Trace whose programs take the place of the scenario's.
        bundle: Bundle whose rules answer the other kinds of decision.
        advice: Rule that advises the agent, and as which `es` begins; see `agentsim_env.agents.advice.advised_by`.
        steps: Decisions to learn from; by default the hyper-parameter `n_timesteps`.
        envs: Environments side by side; by default the hyper-parameter `n_envs`.
        seed: Seed of the run.
        hyper: `name=value` strings laid over the hyper-parameters.
        validation_every: Decisions between validations; by default a twentieth of the steps.
        validation_episodes: Episodes of a validation.
        checkpoint_every: Decisions between checkpoints; by default a twentieth of the steps.
        start: Exported policy whose weights it begins with; by default chance.
        out: The folder; by default a new one in `runs`, named after the run.

    Returns:
        The folder.

    Raises:
        TrainingError: Something does not exist or is out of range.
    """
    environments.find_environment(environment)
    loaded = environments.load(scenario, overrides, trace, bundle, environment, advice)
    values = load_hyperparameters(environment, algo, hyper, loaded.decisions.advice)
    given_steps, given_envs = values.pop("n_timesteps"), values.pop("n_envs")
    steps = _at_least(1, "steps", given_steps if steps is None else steps)
    config = RunConfig(
        environment=environment,
        algo=algo,
        seed=_seed(seed),
        steps=steps,
        n_envs=_envs(given_envs if envs is None else envs),
        hyperparameters=values,
        validation_every=_every("validation_every", validation_every, steps),
        validation_episodes=_at_least(1, "validation_episodes", validation_episodes),
        checkpoint_every=_every("checkpoint_every", checkpoint_every, steps),
        scenario_hash=loaded.content_hash(),
    )
    warn_if_nothing_changes(algo, values, steps, config.n_envs)
    # Whatever is wrong with the programs or their rate is said before there is a folder.
    for split in (TRAINING, VALIDATION) if loaded.workload.trace is not None else (TRAINING,):
        workloads(loaded, split)
    begins_with = None if start is None else checked_start(start, environment, loaded, algo, values)
    folder = _folder(out, f"{environment}-{algo}-{_as_name(loaded.name)}-seed{seed}")
    with locked(folder):
        _refuse_a_run(folder)
        write_yaml(folder / SCENARIO, with_own_model(loaded, folder).model_dump(mode="json", exclude_none=True))
        write_text(folder / "command.txt", command() + "\n")
        write_json(folder / "versions.json", describe_machine())
        if begins_with is not None:
            keep_start(begins_with, folder)
        save_config(folder, config)
    return folder


def save_config(folder: Path, config: RunConfig) -> None:
    """Writes the configuration of a run; the folder is that of a run from here on."""
    write_yaml(folder / _CONFIG, asdict(config))


def load_run(folder: str | Path) -> tuple[RunConfig, "Scenario"]:
    """Reads what `create_run` has written.

    Raises:
        TrainingError: The folder is not that of a run, or its scenario means something else to this version.
    """
    from agentsim_env.scenario.errors import MissingTraceError

    folder = Path(folder)
    if not is_run(folder):
        raise TrainingError(f"{folder} is not the folder of a training run: it has no {_CONFIG}")
    config = _read_config(folder / _CONFIG)
    path = folder / SCENARIO
    try:
        scenario = environments.load(path, own_model(folder))
        same = scenario.content_hash() == config.scenario_hash
    except MissingTraceError as error:
        raise TrainingError(f"{error}; the run needs it") from error
    except OSError as error:
        raise TrainingError(f"{path}: {error.filename} cannot be read ({error.strerror}); the run needs it") from error
    if not same:
        raise TrainingError(f"{path} is not the scenario that the run began with (its content hash differs)")
    return config, scenario


def _read_config(path: Path) -> RunConfig:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise TrainingError(f"{path} cannot be read: {error}") from error
    expected = {field.name for field in fields(RunConfig)}
    if not isinstance(content, dict) or set(content) != expected:
        raise TrainingError(f"{path} must have exactly the fields {', '.join(sorted(expected))}")
    try:
        return TypeAdapter(RunConfig).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise TrainingError(f"{path}: {place} = {first['input']!r}: {first['msg'].lower()}") from error


def extend(folder: Path, steps: int) -> None:
    """Sets how many decisions a run learns from in all.

    Raises:
        TrainingError: It has learned from more already, or another process trains in it.
    """
    from agentsim_env.training.checkpoint import latest_checkpoint

    config, _ = load_run(folder)
    with locked(folder):
        newest = latest_checkpoint(folder)
        done = int(newest.name) if newest else 0
        if steps < done:
            raise TrainingError(f"--steps {steps}: the run in {folder} has learned from {done} decisions already")
        extended = replace(config, steps=_at_least(1, "steps", steps))
        if steps > config.steps:
            warn_if_nothing_changes(config.algo, config.hyperparameters, steps, config.n_envs, done)
        save_config(folder, extended)


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / _CONFIG).is_file()


def _folder(out: str | Path | None, name: str) -> Path:
    if out is None:
        return new_folder(Path("runs") / name)
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise TrainingError(f"{folder} is a file; a run needs a folder")
    _refuse_a_run(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _refuse_a_run(folder: Path) -> None:
    if is_run(folder):
        raise TrainingError(
            f"{folder} holds a training run already: go on with --resume {folder}, or give another --out"
        )


def _as_name(text: str) -> str:
    """A part of a folder's name that has to be quoted nowhere: agents are told apart by `,` and named by `=`."""
    return re.sub(r"[^\w.+-]+", "-", text).strip("-") or "scenario"


def _at_least(least: int, name: str, value: Any) -> int:
    number = whole_number(value)
    if number is None or number < least:
        kind = "a whole number of " if number is None else ""
        raise TrainingError(f"{name} must be {kind}at least {least}, not {value!r}")
    return number


def _every(name: str, value: Any, steps: int) -> int:
    return _at_least(1, name, max(1, steps // 20) if value is None else value)


def _seed(value: Any) -> int:
    number = _at_least(0, "seed", value)
    if number > MOST_SEED:
        raise TrainingError(f"seed must be at most {MOST_SEED}, not {value}: the networks' random numbers take 32 bits")
    return number


def _envs(value: int) -> int:
    number = _at_least(1, "envs", value)
    if number > MOST_ENVS:
        raise TrainingError(f"envs must be at most {MOST_ENVS}, not {value}: they run side by side in one process")
    return number


def origin_of(config: RunConfig, scenario: "Scenario", steps: int) -> dict[str, Any]:
    """What a policy says of the run that it comes from, after so many decisions."""
    kinds = environments.find_environment(config.environment).kinds
    return {
        "environment": config.environment,
        "algo": config.algo,
        "seed": config.seed,
        "steps": steps,
        "scenario": config.scenario_hash,
        **({ADVICE: advice_of(scenario, kinds)} if scenario.decisions.advice else {}),
    }
