"""Hyper-parameters: one YAML file per environment, one entry per algorithm."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import yaml

from agentsim_env.scenario.errors import suggestion
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.evolution_strategy import ALGORITHM, Strategy
from agentsim_env.training.hyperparameters.ranges import RANGES, in_range

_FOLDER = Path(__file__).parent
_OURS = ("n_timesteps", "n_envs", "policy", "width", "gates", "finalists", "reward_scale", "sampled", "discount_s")
_ON_POLICY = ("ppo", "maskable_ppo", "a2c")
_NOT_FOR_ALL = {
    "discount_s": _ON_POLICY,
    "reward_scale": (*_ON_POLICY, "dqn"),  # an evolution strategy looks at ranks, which know no scale
    "sampled": (*_ON_POLICY, "dqn"),
    "gates": (ALGORITHM,),
    "finalists": (ALGORITHM,),
}
"""Those of ours that some algorithms have not, and which have them."""
_SET_BY_TRAINING = (
    "self",
    "env",
    "mean",
    "searched",
    "norm",
    "returns",
    "seed",
    "device",
    "verbose",
    "tensorboard_log",
    "policy_kwargs",
    "_init_setup_model",
)
_LINEAR = "lin_"
_WITH_ADVICE = "_with_advice"


def load_hyperparameters(
    environment: str, algo: str, changes: Sequence[str] = (), advice: bool = False
) -> dict[str, Any]:
    """Hyper-parameters of an algorithm in an environment.

    Args:
        environment: Name of the environment on the command line.
        algo: Name of the algorithm.
        changes: `name=value` strings laid over the file's values.
        advice: Whether the scenario's rule advises: what the file has for that is laid over the rest.

    Raises:
        TrainingError: There is no entry for the algorithm, or it has no such hyper-parameter.
    """
    path = _FOLDER / f"{environment}.yaml"
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    advised = {name: entries.pop(name) for name in list(entries) if name.endswith(_WITH_ADVICE)}
    if algo not in entries:
        raise TrainingError(f"no algorithm {algo!r} for {environment}; there are: {', '.join(entries)}")
    chosen = entries[algo] | (advised.get(f"{algo}{_WITH_ADVICE}", {}) if advice else {})
    values = {name: _number(value) for name, value in chosen.items()}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise TrainingError(f"--hyper {change}: must be name=value, as in learning_rate=1e-3")
        try:
            values[name] = _number(yaml.safe_load(value))
        except yaml.YAMLError as error:
            raise TrainingError(f"--hyper {change}: the value is not YAML") from error
    return checked(algo, values)


def checked(algo: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The hyper-parameters, if the algorithm can have them.

    Raises:
        TrainingError: It has no such hyper-parameter, or one is out of its range.
    """
    _check(algo, values)
    return {name: _checked(algo, name, value) for name, value in values.items()}


def arguments(algo: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those hyper-parameters that the constructor of the algorithm takes, schedules made."""
    _check(algo, values)
    return {name: _schedule(value) for name, value in values.items() if name not in _OURS}


def width_of(algo: str, values: Mapping[str, Any]) -> int:
    """Units in each layer of a network, where it has layers; evolution strategies do with fewer."""
    return int(values.get("width", 16 if algo == ALGORITHM else 64))


def rate_at(value: Any, progress: float) -> float:
    """A learning rate after a share of the run, whether it is a number or a schedule."""
    return _first_of(value) * (1.0 - progress) if is_linear(value) else float(value)


def _parameters(algo: str) -> Mapping[str, inspect.Parameter]:
    """What the algorithm can be given."""
    if algo == ALGORITHM:
        made = (Strategy.begin, Strategy.learn)
        return {name: found for make in made for name, found in inspect.signature(make).parameters.items()}
    from agentsim_env.agents.sb3 import algorithm_class

    return inspect.signature(algorithm_class(algo).__init__).parameters


def _check(algo: str, values: Mapping[str, Any]) -> None:
    signature = _parameters(algo)
    ours = [name for name in _OURS if name not in _NOT_FOR_ALL or algo in _NOT_FOR_ALL[name]]
    allowed = [*ours, *(name for name in signature if name not in (*_SET_BY_TRAINING, *_OURS))]
    unknown = [name for name in values if name not in allowed]
    if unknown:
        raise TrainingError(f"{algo} has no hyper-parameter {unknown[0]!r}{suggestion(unknown[0], allowed)}")


def _checked(algo: str, name: str, value: Any) -> Any:
    """A value, if the hyper-parameter can have it."""
    parameter = _parameters(algo).get(name)
    default = None if parameter is None else parameter.default
    if name == "sampled" or isinstance(default, bool):
        if not isinstance(value, bool):
            raise TrainingError(f"{name} = {value!r}: must be true or false")
    elif name in RANGES and not (value is None and parameter is not None and default is None):
        if is_linear(value):
            in_range(name, _first_of(value))
        elif isinstance(value, str) and not RANGES[name].words:
            raise TrainingError(f"{name} = {value!r}: must be a number, or as lin_1e-3 where {algo} takes a schedule")
        else:
            return in_range(name, value)
    return value


def _number(value: Any) -> Any:
    """YAML 1.1 takes 1e-3 for a text; RL Baselines3 Zoo writes it so."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def is_linear(value: Any) -> TypeGuard[str]:
    """Whether a value is a schedule that falls to 0, as `lin_1e-3`."""
    return isinstance(value, str) and value.startswith(_LINEAR)


def _schedule(value: Any) -> Any:
    if not is_linear(value):
        return value
    from stable_baselines3.common.utils import LinearSchedule

    return LinearSchedule(_first_of(value), 0.0, 1.0)


def _first_of(schedule: str) -> float:
    """What a schedule begins with."""
    try:
        return float(schedule.removeprefix(_LINEAR))
    except ValueError:
        raise TrainingError(f"{schedule!r} is no schedule: write {_LINEAR} and a number, as in lin_1e-3") from None
