"""What an agent is, and what it may learn about the environment that it is to act in."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import gymnasium
import numpy as np

from agentsim_env.agents.errors import AgentError

ALLOWED_FEATURE = "allowed"


@runtime_checkable
class Agent(Protocol):
    """Anything that answers decisions.

    An agent may also have a method `bind(env)`; it is called once for each environment, before its first episode there.

    Attributes:
        name: Name in tables and plots.
    """

    name: str

    def reset(self, seed: int) -> None:
        """Prepare for an episode.

        Args:
            seed: Seed of the episode's workload; an agent that draws random numbers seeds its generator with it.
        """
        ...

    def act(self, observation: np.ndarray, info: Mapping[str, Any]) -> int:
        """Answer one decision.

        Args:
            observation: Flat float32 array of candidates x features.
            info: What `reset` or `step` returned with it; `info["action_mask"]` says which actions are allowed.

        Returns:
            The number of the chosen action.
        """
        ...


class Candidates(NamedTuple):
    """How the flat observation of an environment folds into rows.

    Attributes:
        feature_names: Names of the columns; a row has `len(feature_names)` of them.
        n_actions: Number of actions, a multiple of the number of rows.
        n_rows: Number of candidates.
    """

    feature_names: tuple[str, ...]
    n_actions: int
    n_rows: int

    @property
    def allowed_feature(self) -> int:
        """Column that says whether a candidate may be chosen (> 0), or -1 without one."""
        return self.feature_names.index(ALLOWED_FEATURE) if ALLOWED_FEATURE in self.feature_names else -1

    @property
    def actions_per_row(self) -> int:
        """Actions that belong to one candidate."""
        return self.n_actions // self.n_rows


def candidates_of(env: gymnasium.Env) -> Candidates:
    """How the observations of `env` fold into candidates x features.

    Args:
        env: An AgentSim environment, wrapped or not.

    Raises:
        AgentError: If `env` has no `candidate_shape`, a wrapper has changed what is seen, or its actions are not a
            whole number for each candidate.
    """
    inner: Any = env.unwrapped
    if not hasattr(inner, "candidate_shape"):
        raise AgentError(f"{type(inner).__name__} has no candidate_shape: it is not an AgentSim environment")
    n_rows, n_features = inner.candidate_shape
    shape = env.observation_space.shape
    if shape != (n_rows * n_features,):
        raise AgentError(
            f"observations of shape {shape} do not fold into {n_rows} rows of {n_features} features: a wrapper has"
            f" changed those of {type(inner).__name__}"
        )
    n_actions = int(inner.action_space.n)
    if n_actions % n_rows:
        raise AgentError(
            f"{type(inner).__name__} has {n_actions} actions for {n_rows} candidates: not a whole number for each"
        )
    return Candidates(tuple(inner.feature_names), n_actions, n_rows)


def bind(agent: Agent, env: gymnasium.Env) -> None:
    """Calls the agent's `bind(env)`, if it has one."""
    hook = getattr(agent, "bind", None)
    if hook is not None:
        hook(env)
