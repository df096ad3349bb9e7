"""Whether a training is long enough to change a weight."""

import warnings
from typing import TYPE_CHECKING

from agentsim_env.training.errors import TrainingWarning
from agentsim_env.training.hyperparameters import is_linear

if TYPE_CHECKING:
    from agentsim_env.training.config import RunConfig


def warn_if_nothing_changes(config: "RunConfig", done: int = 0) -> None:
    """Warns of a training after which the policy is as it was before; see `why_nothing_changes`."""
    why = why_nothing_changes(config, done)
    if why is not None:
        warnings.warn(why, TrainingWarning, stacklevel=3)


def why_nothing_changes(config: "RunConfig", done: int = 0) -> str | None:
    """Why the policy would stay as it is, and what would help; None if it learns.

    Stable-Baselines3 updates a policy after each rollout, at the rate that a schedule has come to by then: one that
    falls to 0 is there after the last rollout. DQN begins to learn behind its `learning_starts`.

    Args:
        config: The run.
        done: Decisions that it has learned from already.
    """
    values, left = config.hyperparameters, config.steps - done
    if config.algo == "dqn":
        first = values.get("learning_starts", 0)
        if config.steps > first:
            return None
        return (
            f"{config.steps:,} steps change nothing: dqn begins to learn after {first:,}; give more --steps, or a lower"
            " --hyper learning_starts"
        )
    rollout = config.n_envs * values.get("n_steps", 0)
    if not 0 < left <= rollout or not is_linear(values.get("learning_rate")):
        return None
    return (
        f"{left:,} {'more ' if done else ''}steps change nothing: a rollout is {rollout:,} ({config.n_envs} envs of"
        f" {values['n_steps']} steps), and after the last one learning_rate={values['learning_rate']} has fallen to 0;"
        f" give more than {rollout:,}, or smaller rollouts with --envs or --hyper n_steps"
    )
