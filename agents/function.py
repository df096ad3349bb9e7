"""A user's Python function as an agent."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import gymnasium
import numpy as np

from agentsim_env.actions import numbered, whole_number
from agentsim_env.agents.errors import AgentError
from agentsim_env.agents.protocol import candidates_of
from agentsim_env.scenario.errors import suggestion

Features = Mapping[str, np.ndarray]
Info = Mapping[str, Any]


class FunctionAgent:
    """Calls `function(features, info)` for every decision.

    `features` maps the name of each feature to an array with its value for each candidate, `info` is the environment's
    (`info["action_mask"]` says which actions are allowed). The function returns the number of an action.

    Args:
        function: The function.
        name: Name in tables and plots; by default that of the function.

    Example:
        >>> import numpy as np
        >>> def emptiest(features, info):
        ...     return np.argmin(features["running"])
        >>> FunctionAgent(emptiest).name
        'emptiest'
    """

    def __init__(self, function: Callable[[Features, Info], Any], name: str | None = None) -> None:
        self.function = function
        self.name = name or getattr(function, "__name__", type(function).__name__)
        self._feature_names: tuple[str, ...] = ()

    def bind(self, env: gymnasium.Env) -> None:
        """Learns the names of the features."""
        self._feature_names = candidates_of(env).feature_names

    def reset(self, seed: int) -> None:
        """Nothing to do: a function has no memory."""

    def act(self, observation: np.ndarray, info: Info) -> int:
        """What the function answers."""
        if not self._feature_names:
            raise AgentError(f"{self.name} does not know the features yet: call bind(env) first")
        columns = observation.reshape(-1, len(self._feature_names)).T
        answer = self.function(_Named(zip(self._feature_names, columns, strict=True)), info)
        action = whole_number(answer)
        if action is None:
            raise AgentError(f"{self.name} must return the number of an action, not {answer!r}")
        return numbered(action, columns.shape[1], self.name)


class _Named(dict[str, np.ndarray]):
    """Features by name; one that there is not is named in the error, with those that there are."""

    def __missing__(self, name: object) -> NoReturn:
        raise AgentError(f"no feature {name!r}{suggestion(name, self)}")
