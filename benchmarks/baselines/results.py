"""What the cells came to, and how they compare with stock."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from agentsim_env.scenario.bundle import STOCK
from agentsim_env.training.statistics import Interval, bootstrap, change, mean
from benchmarks.baselines.cells import Figures
from benchmarks.baselines.policies import Policy


@dataclass(frozen=True, eq=False)
class Results:
    """All figures.

    Attributes:
        scenarios: Names, in the order of the page.
        policies: Policies, stock first.
        seeds: Seeds.
        figures: Of each scenario and policy, one a seed.
    """

    scenarios: tuple[str, ...]
    policies: tuple[Policy, ...]
    seeds: tuple[int, ...]
    figures: Mapping[tuple[str, str], Sequence[Figures]]

    def values(self, scenario: str, policy: str, metric: str) -> np.ndarray:
        """A figure, one a seed; NaN where an episode has no sample of it."""
        return np.array([figures.get(metric, np.nan) for figures in self.figures[scenario, policy]], float)

    def mean(self, scenario: str, policy: str, metric: str) -> float:
        """Mean of a figure over the seeds."""
        return float(mean(self.values(scenario, policy, metric)))

    @cache  # noqa: B019  (there is one object a run)
    def change(self, scenario: str, policy: str, metric: str = "mean_jct_s") -> Interval:
        """Change of a figure against stock as a fraction, with its interval from paired differences."""
        return bootstrap(change, self.values(scenario, policy, metric), self.values(scenario, STOCK, metric))

    def ratio(self, scenario: str, policy: str) -> float:
        """Mean JCT over that of stock."""
        return 1.0 + self.change(scenario, policy).estimate

    def idle(self, scenario: str, policy: str) -> list[str]:
        """Rules of a policy that have done nothing in any episode."""
        episodes = [set(figures["idle"]) for figures in self.figures[scenario, policy]]
        return sorted(set.intersection(*episodes))

    @cached_property
    def ranking(self) -> list[Policy]:
        """Policies by the geometric mean of their ratios over the scenarios, the best first."""

        def score(policy: Policy) -> float:
            return float(np.mean([np.log(self.ratio(scenario, policy.name)) for scenario in self.scenarios]))

        return sorted(self.policies, key=score)

    def by_jct(self, scenario: str) -> list[Policy]:
        """Policies by their mean JCT on a scenario."""
        return sorted(self.policies, key=lambda policy: self.ratio(scenario, policy.name))

    def best(self, scenario: str, among: Sequence[Policy]) -> Policy:
        """The policy with the least mean JCT."""
        return min(among, key=lambda policy: self.ratio(scenario, policy.name))

    def significant(self, scenario: str, policy: str, least: float = 0.02) -> bool:
        """Whether a policy differs from stock: beyond chance and by more than `least`."""
        found = self.change(scenario, policy)
        return found.excludes_zero and abs(found.estimate) > least

    def online(self) -> Iterator[Policy]:
        """Policies that do not see the future, except stock."""
        return (policy for policy in self.policies if not policy.oracle and policy.name != STOCK)
