"""What `load` means: a rate of arrivals, from the capacity of the scenario.

The programs that the cluster can serve arrive at `load` times its capacity, the rate at which it gets programs done
(`agentsim_env.capacity`). Those that fit on no instance come on top, in their share of the workload: they take little
of what the cluster can do, and at a load of 1 it is as full as it would be without them.
"""

from math import isclose
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from agentsim_env.errors import AgentSimError, AgentSimWarning
from agentsim_env.scenario.errors import shorten
from agentsim_env.unserved import Unserved, find_unserved

if TYPE_CHECKING:
    from agentsim_env.scenario import Scenario

_SAME = 0.01
"""Rates that differ by less than the search for a capacity tells apart are the same."""


class LoadWarning(AgentSimWarning):
    """What was laid over a scenario changes the capacity, and so the rate that its load stands for."""


class Load(NamedTuple):
    """The rate that a load stands for.

    Attributes:
        load: Arrivals of programs that can be served, as a fraction of the capacity.
        capacity_per_s: Programs that the cluster can get done per second.
        rate_per_s: Mean arrivals of all programs per second.
        filed_rate_per_s: What `rate_per_s` is in the scenario as it stands in its file; None if it is the same.
        changed: Fields that were laid over the file and may be why it is not.
    """

    load: float
    capacity_per_s: float
    rate_per_s: float
    filed_rate_per_s: float | None
    changed: str

    def describe(self) -> str:
        """A sentence with both rates, and how to keep the one of the file; empty if they are the same."""
        if self.filed_rate_per_s is None:
            return ""
        return (
            f"load {self.load:g} means {self.rate_per_s:.4g} programs per second here and"
            f" {self.filed_rate_per_s:.4g} in the scenario as it stands in its file: the capacity that it is a fraction"
            f" of has changed with {self.changed}; to keep the rate, set"
            f" workload.arrivals.rate_per_s={self.filed_rate_per_s:.6g}"
        )


def load_of(scenario: "Scenario", unserved: Unserved, tokens: np.ndarray) -> Load | None:
    """The rate that a scenario's load stands for; None if it gives no load. Capacities that are not known are measured.

    Args:
        scenario: The scenario.
        unserved: What of its programs fits on no instance.
        tokens: Longest context of each program that was looked at.

    Raises:
        ScenarioError: The scenario has no capacity.
    """
    from agentsim_env.capacity import capacity_per_s

    load = getattr(scenario.workload.arrivals, "load", None)
    if load is None:
        return None
    capacity = capacity_per_s(scenario)
    rate_per_s = load * capacity / unserved.share_served
    filed = scenario.as_filed
    found = Load(load, capacity, rate_per_s, None, "")
    if filed is None:
        return found
    try:
        filed_rate_per_s = load * capacity_per_s(filed) / find_unserved(filed, tokens).share_served
    except AgentSimError:  # the file alone has no capacity: there is nothing to compare with
        return found
    if isclose(rate_per_s, filed_rate_per_s, rel_tol=_SAME):
        return found
    return found._replace(filed_rate_per_s=filed_rate_per_s, changed=shorten(", ".join(_changed(filed, scenario))))


def _changed(filed: "Scenario", scenario: "Scenario") -> list[str]:
    """Fields of which a capacity may depend that differ between two scenarios with the same programs."""
    return [
        f"{name}.{field}"
        for name in type(scenario).MEASURED
        for field in type(getattr(scenario, name)).model_fields
        if getattr(getattr(scenario, name), field) != getattr(getattr(filed, name), field)
    ]
