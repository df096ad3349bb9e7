"""Environments of a batch that are not all of one scenario."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from agentsim_env.envs.batch.layout import layout_of
from agentsim_env.envs.decision_env import DecisionEnv
from agentsim_env.envs.errors import EnvError
from agentsim_env.scenario import Scenario


def make_each(make: Callable[..., DecisionEnv], arguments: Mapping[str, Any], n: int) -> list[DecisionEnv]:
    """The environments that the places of a batch take in turn: one, or one for each of a list of scenarios.

    Args:
        make: Makes an environment.
        arguments: Its arguments; `scenario` may be a list of what it may be.
        n: Places of the batch.

    Raises:
        EnvError: There are more scenarios than places, or none, or observations or answers are not alike.
    """
    scenarios = arguments.get("scenario")
    if not isinstance(scenarios, list | tuple):
        return [make(**arguments)]
    if not 1 <= len(scenarios) <= n:
        raise EnvError(f"{len(scenarios)} scenarios for {n} environments: must be from 1 to {n}")
    envs = [make(**{**arguments, "scenario": scenario}) for scenario in scenarios]
    for number, env in enumerate(envs):
        _check_alike(envs[0].scenario, env.scenario, number, _difference(envs[0], env))
    return envs


def _check_alike(first: Scenario, other: Scenario, number: int, difference: str) -> None:
    if difference:
        raise EnvError(
            f"scenario[{number}] ({other.name}) and scenario[0] ({first.name}) cannot be in one batch: {difference};"
            " environments whose clusters differ are one scenario with randomize"
        )


def _difference(one: DecisionEnv, other: DecisionEnv) -> str:
    """What differs in what they show and may be answered; empty if nothing does."""
    if one.feature_names != other.feature_names:
        names = sorted(set(one.feature_names) ^ set(other.feature_names))
        return f"features differ ({', '.join(names)})"
    if one.candidate_shape != other.candidate_shape:
        return f"{one.candidate_shape[0]} and {other.candidate_shape[0]} answers"
    layouts = layout_of(one), layout_of(other)
    if not np.array_equal(layouts[0].form, layouts[1].form):
        return "answers of a kind of decision differ in number"
    return ""
