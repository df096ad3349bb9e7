"""What comes again and again as long as anything else is left to happen, and how often it may."""

import numpy as np

from agentsim_env.engine.blueprint import STEAL_PERIOD_S, Blueprint
from agentsim_env.engine.core.decisions import DECISIONS
from agentsim_env.limits import MOST_TICKS
from agentsim_env.scenario import ScenarioError
from agentsim_env.workload import Programs
from agentsim_env.workload.validation import call_times_s


def check_ticks(blueprint: Blueprint, programs: Programs, planned_s: float) -> None:
    """Refuses ticks that are so frequent, for the times of a workload, that an episode would be nothing else.

    Args:
        blueprint: The simulation.
        programs: The workload.
        planned_s: Latest time that the scenario gives for the start or the return of an instance.

    Raises:
        ScenarioError: With the shortest period that would do.
    """
    periods = tick_periods(blueprint)
    if not periods:
        return
    longest_s = min(max(_longest_s(programs), planned_s), blueprint.time_limit_s)
    for field, period_s in periods.items():
        if longest_s > MOST_TICKS * period_s:
            raise ScenarioError(
                f"{field} = {period_s:g}: too short for a time of {longest_s:g} s in which nothing else happens: must"
                f" be at least {longest_s / MOST_TICKS:g} there, for at most {MOST_TICKS:,} ticks"
            )


def tick_periods(blueprint: Blueprint) -> dict[str, float]:
    """Seconds between the ticks of each kind that there is, by the field of the scenario that says so."""
    periods: dict[str, float] = {}
    if blueprint.view_delay_s > 0:
        periods["cluster.view_delay_s"] = blueprint.view_delay_s
    if blueprint.row_of("route_turn").steals:
        periods[f"the period of rules.route_turn {blueprint.rule_of('route_turn')}"] = STEAL_PERIOD_S
    for kind, row in DECISIONS.items():
        own = blueprint.parameters_of(kind).get("period_s")
        if own is not None:
            periods[f"rules.rule_params.{kind}.period_s"] = own
        elif row.control_ticks and blueprint.decides(kind):
            periods["decisions.control_period_s"] = blueprint.control_period_s
    return periods


def _longest_s(programs: Programs) -> float:
    """Longest time that may pass until a program arrives or a call returns."""
    return max(float(np.max(times_s, initial=0.0)) for times_s in (programs.program["arrival_s"], _calls_s(programs)))


def _calls_s(programs: Programs) -> np.ndarray:
    return call_times_s(programs) if programs.edge["failures"].any() else programs.edge["gap_s"]
