"""Whether a training is long enough to change a weight."""

import warnings
from collections.abc import Mapping
from typing import Any

from agentsim_env.training.errors import TrainingWarning
from agentsim_env.training.hyperparameters import is_linear


def warn_if_nothing_changes(
    algo: str, hyperparameters: Mapping[str, Any], steps: int, n_envs: int, done: int = 0
) -> None:
    """Warns of a training after which the policy is as it was before; see `why_nothing_changes`."""
    why = why_nothing_changes(algo, hyperparameters, steps, n_envs, done)
    if why is not None:
        warnings.warn(why, TrainingWarning, stacklevel=3)


def why_nothing_changes(
    algo: str, hyperparameters: Mapping[str, Any], steps: int, n_envs: int, done: int = 0
) -> str | None:
    """Why the policy would stay as it is, and what would help; None if it learns.

    Stable-Baselines3 updates a policy after each rollout, at the rate that a schedule has come to by then: one that
    falls to 0 is there after the last rollout. DQN begins to learn behind its `learning_starts`.

    Args:
        algo: Name of the algorithm.
        hyperparameters: Its hyperparameters, as in a run's configuration.
        steps: Decisions to learn from in all.
        n_envs: Environments that are stepped side by side.
        done: Decisions that it has learned from already.
    """
    left = steps - done
    if algo == "dqn":
        first = hyperparameters.get("learning_starts", 0)
        if steps > first:
            return None
        return (
            f"{steps:,} steps change nothing: dqn begins to learn after {first:,}; give more --steps, or a lower"
            " --hyper learning_starts"
        )
    n_steps, rate = hyperparameters.get("n_steps", 0), hyperparameters.get("learning_rate")
    rollout = n_envs * n_steps
    if not 0 < left <= rollout or not is_linear(rate):
        return None
    return (
        f"{left:,} {'more ' if done else ''}steps change nothing: a rollout is {rollout:,} ({n_envs} envs of"
        f" {n_steps} steps), and after the last one learning_rate={rate} has fallen to 0;"
        f" give more than {rollout:,}, or smaller rollouts with --envs or --hyper n_steps"
    )
