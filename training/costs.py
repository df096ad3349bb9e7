"""What agents are trained to make small, as one number of an episode."""

from math import nan
from typing import TYPE_CHECKING

from agentsim_env.training.metrics import COST

if TYPE_CHECKING:
    from agentsim_env.scenario import Scenario
    from agentsim_env.training.rollouts import Rollout


def charges_time(scenario: "Scenario") -> bool:
    """Whether the reward of a scenario is the time of programs in the system and nothing else."""
    return [name for name, weight in scenario.reward.terms.items() if weight] == ["time_in_system"]


def cost_of(rollout: "Rollout", scenario: "Scenario") -> float:
    """The cost of an episode; NaN where no program counts.

    It is in seconds a program (`mean_cost_s`) where the reward is the time in the system, else minus the return.
    """
    return rollout.metrics.get(COST.key, nan) if charges_time(scenario) else -rollout.episode_return
