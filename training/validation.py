"""Evaluation during training: always the same held-out episodes, so that two validations differ by the policy alone."""

from math import nan
from statistics import fmean
from typing import Any, NamedTuple

from agentsim_env import Scenario, Simulator
from agentsim_env.agents.protocol import Agent, bind
from agentsim_env.training.compiled import compiled_play
from agentsim_env.training.config import RunConfig
from agentsim_env.training.environments import find_environment, make_environment
from agentsim_env.training.rollouts import play, roll_out, simulate
from agentsim_env.training.splits import VALIDATION, workloads

METRICS = ("mean_cost_s", "unserved_share", "mean_jct_s", "p95_jct_s", "mean_ttft_s", "hit_rate")
"""Of the simulator's summary; the cost comes first, since leaving programs unserved improves the others."""


class Validation(NamedTuple):
    """Means over the validation episodes.

    Attributes:
        episode_return: What training maximises; the weights with the highest one are kept.
        metrics: `METRICS`; NaN where an episode has no sample.
    """

    episode_return: float
    metrics: dict[str, float]


class Validator:
    """Runs agents on the validation episodes of a run.

    Args:
        config: The run.
        scenario: Its scenario.
    """

    def __init__(self, config: RunConfig, scenario: Scenario) -> None:
        self._env = make_environment(config.environment, scenario)
        self._source = workloads(scenario, VALIDATION)
        self._scenario = scenario
        self._rule = find_environment(config.environment).default_rule(scenario)
        self.seeds = VALIDATION.first(config.validation_episodes)

    def __call__(self, agent: Agent) -> Validation:
        """Runs an agent."""
        bind(agent, self._env)
        player = compiled_play(agent, self._env)
        inner: Any = self._env.unwrapped
        rollouts = [
            roll_out(agent, self._env, seed, self._source.draw(seed))
            if player is None
            else play(player, inner.simulator, seed, self._source.draw(seed))
            for seed in self.seeds
        ]
        metrics = {name: fmean(rollout.metrics.get(name, nan) for rollout in rollouts) for name in METRICS}
        return Validation(fmean(rollout.episode_return for rollout in rollouts), metrics)

    def default_rule(self) -> tuple[str, float]:
        """Name of what answers where no agent does, the scenario's rule, and its mean cost in seconds."""
        simulator = Simulator(self._scenario, source=self._source)
        rollouts = [simulate(simulator, seed, self._source.draw(seed)) for seed in self.seeds]
        return self._rule, fmean(rollout.metrics.get("mean_cost_s", nan) for rollout in rollouts)

    def close(self) -> None:
        """Closes the environment."""
        self._env.close()
