"""Specs of environments as plain values, which Gymnasium can write as JSON and make the same environment from."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec

from agentsim_env.scenario import Scenario


def plain_spec(spec: EnvSpec) -> EnvSpec:
    """The spec with plain values for its arguments."""
    return replace(spec, kwargs=plain(spec.kwargs))


def plain(value: Any) -> Any:
    """A scenario as the values that it was given, a path as its text, and so inside mappings and sequences."""
    if isinstance(value, Scenario):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return value
