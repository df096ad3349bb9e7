"""The results of an evaluation: every number of every agent and seed, and what is concluded from them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from agentsim_env.scenario import Scenario
from agentsim_env.scenario.draws import Drawing
from agentsim_env.training.metrics import JCT, METRICS, Metric
from agentsim_env.training.rollouts import Rollout
from agentsim_env.training.statistics import Interval, Statistic, bootstrap, change, iqm, mean


class Comparison(NamedTuple):
    """One metric of one agent.

    Attributes:
        agent: Name of the agent.
        metric: The metric.
        mean: Mean over the seeds.
        iqm: Inter-quartile mean over the seeds.
        difference: Mean of the paired differences to the reference agent.
        change: The same as a fraction of the reference's mean.
        wins: Fraction of the seeds on which the agent is better than the reference.
    """

    agent: str
    metric: Metric
    mean: Interval
    iqm: Interval
    difference: Interval
    change: Interval
    wins: float


@dataclass(frozen=True)
class Results:
    """What every agent reached on every seed.

    Attributes:
        environment: Name of the environment.
        scenario: Scenario.
        agents: Names of the agents.
        seeds: The seeds.
        reference: Name of the agent that the others are compared with.
        rollouts: For each seed, the episode of each agent.
        notes: What has to be known of the workload: programs that fit on no instance, a load that means another rate.
    """

    environment: str
    scenario: Scenario
    agents: tuple[str, ...]
    seeds: tuple[int, ...]
    reference: str
    rollouts: Sequence[Sequence[Rollout]]
    notes: Sequence[str] = ()

    def values(self, agent: str, metric: str) -> np.ndarray:
        """A metric of an agent, one value a seed; NaN where an episode has no sample of it."""
        column = self.agents.index(agent)
        return np.array([episode[column].metrics.get(metric, np.nan) for episode in self.rollouts], dtype=float)

    def jct_s(self, agent: str) -> np.ndarray:
        """Job completion times of all programs of all seeds, in seconds."""
        column = self.agents.index(agent)
        return np.concatenate([episode[column].jct_s for episode in self.rollouts])

    @cached_property
    def ranking(self) -> tuple[str, ...]:
        """The agents, the lowest mean JCT first; last those of whose programs none was done on some seed."""
        means = {agent: float(self.values(agent, JCT.key).mean()) for agent in self.agents}
        return tuple(sorted(self.agents, key=lambda agent: (np.isnan(means[agent]), means[agent])))

    @cached_property
    def comparisons(self) -> dict[str, dict[str, Comparison]]:
        """By agent (in the order of `ranking`) and key of the metric."""
        return {agent: {metric.key: self._compare(agent, metric) for metric in METRICS} for agent in self.ranking}

    @cached_property
    def is_one_episode(self) -> bool:
        """Whether all seeds are the same episode, as those of a trace that is replayed whole at its own times."""
        played = {
            tuple((rollout.workload_hash, rollout.records_hash) for rollout in episode) for episode in self.rollouts
        }
        return len(self.rollouts) > 1 and len(played) == 1

    def _interval(self, statistic: Statistic, *samples: np.ndarray) -> Interval:
        """With its ends only where the seeds are samples of something."""
        found = bootstrap(statistic, *samples)
        return Interval(found.estimate, np.nan, np.nan) if self.is_one_episode else found

    def _compare(self, agent: str, metric: Metric) -> Comparison:
        values, base = self.values(agent, metric.key), self.values(self.reference, metric.key)
        better = values > base if metric.higher_is_better else values < base
        return Comparison(
            agent=agent,
            metric=metric,
            mean=self._interval(mean, values),
            iqm=self._interval(iqm, values),
            difference=self._interval(mean, values - base),
            change=self._interval(change, values, base),
            wins=float(better.mean()),
        )

    @cached_property
    def drawn(self) -> tuple[Mapping[str, Any], ...]:
        """What the scenario's `randomize` has drawn for each seed; nothing if it draws nothing."""
        if not self.scenario.randomize:
            return ()
        drawing = Drawing(self.scenario)
        return tuple(drawing.of(seed).values for seed in self.seeds)

    def episodes(self) -> list[dict[str, Any]]:
        """One row for each agent and seed: all scalars of the simulator's summary, the hashes, and what was drawn."""
        drawn = [{"drawn": json.dumps(values)} for values in self.drawn] or [{}] * len(self.seeds)
        return [
            {
                "agent": agent,
                "seed": seed,
                **values,
                "workload_hash": rollout.workload_hash,
                "records_hash": rollout.records_hash,
                "decisions": rollout.decisions,
                **rollout.metrics,
            }
            for seed, values, episode in zip(self.seeds, drawn, self.rollouts, strict=True)
            for agent, rollout in zip(self.agents, episode, strict=True)
        ]

    def summary(self) -> list[dict[str, Any]]:
        """One row for each agent and metric."""
        return [
            {
                "agent": agent,
                "metric": key,
                **_columns("mean", comparison.mean),
                **_columns("iqm", comparison.iqm),
                **_columns("difference", comparison.difference),
                **_columns("change", comparison.change),
                "wins": comparison.wins,
            }
            for agent, comparisons in self.comparisons.items()
            for key, comparison in comparisons.items()
        ]


def _columns(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
