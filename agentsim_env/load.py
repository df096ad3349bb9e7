"""The workload of a scenario, ready to be drawn from, and what `load` means: a rate of arrivals, from the capacity.

The programs that the cluster can serve arrive at `load` times its capacity, the rate at which it gets programs done
(`agentsim_env.capacity`). Those that fit on no instance come on top, in their share of the workload: they take little
of what the cluster can do, and at a load of 1 it is as full as it would be without them.
"""

import json
import warnings
from collections.abc import Callable
from math import isclose

import numpy as np

from agentsim_env.assembly import DrawnSource, Load, Source, WorkloadSource, engines_of, source_of, work_of
from agentsim_env.assembly.source import Work
from agentsim_env.assembly.unserved import Unserved, UnservedWarning, find_unserved
from agentsim_env.capacity import capacity_per_s
from agentsim_env.errors import AgentSimError, AgentSimWarning
from agentsim_env.scenario import Scenario, ScenarioError, load_scenario
from agentsim_env.scenario.arrivals import OpenLoop
from agentsim_env.scenario.draws import Drawing, Drawn
from agentsim_env.scenario.errors import shorten
from agentsim_env.scenario.kept import Kept
from agentsim_env.scenario.laying import shown
from agentsim_env.workload import Programs

LOAD = "workload.arrivals.load"

MOST_CAPACITIES = 16
"""Capacities that are measured for one scenario: each takes seconds, once."""

_SAME = 0.01
"""Rates that differ by less than the search for a capacity tells apart are the same."""

_KEPT_SOURCES = 16


class LoadWarning(AgentSimWarning):
    """What was laid over a scenario changes the capacity, and so the rate that its load stands for."""


def prepare(
    scenario: Scenario, *, rate_per_s: float | None = None, trace_part: tuple[float, float] = (0.0, 1.0)
) -> Source:
    """Prepares the workload of a scenario; nothing is simulated unless it has a load and its capacity is not known.

    Warns where a load does not mean what it seems to: some programs fit on no instance (`UnservedWarning`), or
    overrides have changed the capacity (`LoadWarning`). Where something of the scenario is drawn for each episode, all
    this is done for what may be drawn.

    Args:
        scenario: The scenario.
        rate_per_s: Mean rate of arrivals instead of the scenario's `rate_per_s` or `load`. The programs stay the same.
        trace_part: Part of a trace to draw from, as fractions: `(0.0, 0.8)` to train, `(0.8, 1.0)` to test.

    Raises:
        ScenarioError: If a server is given for a tool that no program calls, or the part of the trace is empty; if no
            program fits on an instance, or one does not and the scenario is strict; if it has a load and no capacity.
        TraceError: If the trace cannot be read.
        ValueError: If `rate_per_s` is given for arrivals without a rate.
    """
    if scenario.randomize:
        return _prepare_drawn(scenario, rate_per_s, trace_part)
    work = work_of(scenario, trace_part)
    tokens = work.longest_contexts()
    unserved = find_unserved(scenario, engines_of(scenario), tokens)
    load = _noted_load(scenario, unserved, tokens) if rate_per_s is None and _given(scenario) is not None else None
    return source_of(scenario, work, rate_per_s=rate_per_s, unserved=unserved, load=load)


def draw(scenario: Scenario, seed: int) -> Programs:
    """The workload of `scenario` and `seed`.

    Sources of the latest scenarios are kept. An environment that resets often is better off with `prepare`, which
    spares it the hash of the scenario.
    """
    key = scenario.content_hash()
    source = _sources.pop(key, None) or prepare(scenario)
    _sources[key] = source
    if len(_sources) > _KEPT_SOURCES:
        del _sources[next(iter(_sources))]
    return source.draw(seed)


_sources: dict[str, Source] = {}


def with_rate(scenario: Scenario) -> Scenario:
    """The scenario with its load spelled out as a rate: whatever its rules become, its programs arrive as before."""
    if _given(scenario) is None and LOAD not in scenario.randomize:
        return scenario
    source = prepare(scenario)
    if isinstance(source, DrawnSource):
        raise ScenarioError(
            f"{scenario.name}: workload.arrivals.load: means another rate in each episode where something is drawn, and"
            " under other rules the rates have to stay: give workload.arrivals.rate_per_s, or draw it"
        )
    return load_scenario(scenario, {"workload.arrivals.rate_per_s": source.rate_per_s})


class _Drawn:
    """Prepares the workloads of what is drawn: what several have in common is done once."""

    def __init__(self, rate_per_s: float | None, trace_part: tuple[float, float]) -> None:
        self._rate_per_s, self._trace_part = rate_per_s, trace_part
        self._works: Kept[tuple[Work, np.ndarray]] = Kept()
        self._capacities: Kept[tuple[Unserved, float]] = Kept(MOST_CAPACITIES)

    def __call__(self, drawn: Drawn) -> WorkloadSource:
        work, tokens = self.work(drawn)
        given = _given(drawn.scenario) if self._rate_per_s is None else None
        load = None if given is None else self._load(drawn, given, tokens)
        return source_of(drawn.scenario, work, rate_per_s=self._rate_per_s, load=load)

    def work(self, drawn: Drawn) -> tuple[Work, np.ndarray]:
        """What programs are drawn from, and the longest contexts of some of them."""

        def make() -> tuple[Work, np.ndarray]:
            work = work_of(drawn.scenario, self._trace_part)
            return work, work.longest_contexts()

        return self._works.get(_key(drawn, _makes_programs), make)

    def _load(self, drawn: Drawn, given: float, tokens: np.ndarray) -> Load:
        def make() -> tuple[Unserved, float]:
            unserved = find_unserved(drawn.scenario, engines_of(drawn.scenario), tokens)
            return unserved, capacity_per_s(drawn.scenario)

        unserved, capacity = self._capacities.get(_key(drawn, _makes_capacity), make)
        return Load(given, capacity, given * capacity / unserved.share_served, None, "")


def _prepare_drawn(scenario: Scenario, rate_per_s: float | None, trace_part: tuple[float, float]) -> DrawnSource:
    """The workload of a scenario of which something is drawn; what cannot be served is found at its corners."""
    drawing, prepared = Drawing(scenario), _Drawn(rate_per_s, trace_part)
    notes: dict[str, None] = {}
    for corner in drawing.corners:
        try:
            unserved = find_unserved(corner.scenario, engines_of(corner.scenario), prepared.work(corner)[1])
        except ScenarioError as error:
            raise ScenarioError(f"{error}; drawn is {shown(corner.values)}") from error
        if unserved.unserved:
            notes[f"where {shown(corner.values)} is drawn, {unserved.describe()}"] = None
    if rate_per_s is None and any(_given(corner.scenario) is not None for corner in drawing.corners):
        for drawn in drawing.all_of(MOST_CAPACITIES, _makes_capacity):
            prepared(drawn)
    for note in list(notes)[:1]:
        more = f", and likewise for {len(notes) - 1} other ends of its ranges" if len(notes) > 1 else ""
        warnings.warn(f"{scenario.name}: {note}{more}; they will fail", UnservedWarning, stacklevel=3)
    return DrawnSource(drawing, prepared, list(notes))


def _key(drawn: Drawn, matters: Callable[[str], bool]) -> str:
    return json.dumps({place: value for place, value in drawn.values.items() if matters(place)}, sort_keys=True)


def _makes_capacity(place: str) -> bool:
    """Whether a capacity depends on what is drawn at a place."""
    return not f"{place}.".startswith("workload.arrivals.")


def _makes_programs(place: str) -> bool:
    """Whether what programs are drawn from depends on what is drawn at a place."""
    return _makes_capacity(place) and (place.startswith("workload.") or place == "cluster.block_size_tokens")


def load_of(scenario: Scenario, unserved: Unserved, tokens: np.ndarray) -> Load:
    """The rate that a scenario's load stands for. Capacities that are not known are measured.

    Args:
        scenario: A scenario that gives a load.
        unserved: What of its programs fits on no instance.
        tokens: Longest context of each program that was looked at.

    Raises:
        ScenarioError: The scenario has no capacity.
    """
    load = _given(scenario)
    assert load is not None
    capacity = capacity_per_s(scenario)
    rate_per_s = load * capacity / unserved.share_served
    filed = scenario.as_filed
    found = Load(load, capacity, rate_per_s, None, "")
    if filed is None:
        return found
    try:
        served = find_unserved(filed, engines_of(filed), tokens).share_served
        filed_rate_per_s = load * capacity_per_s(filed) / served
    except AgentSimError:  # the file alone has no capacity: there is nothing to compare with
        return found
    if isclose(rate_per_s, filed_rate_per_s, rel_tol=_SAME):
        return found
    return found._replace(filed_rate_per_s=filed_rate_per_s, changed=shorten(", ".join(_changed(filed, scenario))))


def _given(scenario: Scenario) -> float | None:
    """The load that a scenario gives; None if it gives a rate, or its arrivals have none."""
    arrivals = scenario.workload.arrivals
    return arrivals.load if isinstance(arrivals, OpenLoop) else None


def _noted_load(scenario: Scenario, unserved: Unserved, tokens: np.ndarray) -> Load:
    """What the load of a scenario comes to, with warnings where that is not what it seems to be."""
    if unserved.unserved:  # said before the capacity is measured
        what = "they will fail, and arrive on top of those that load counts; workload.strict makes this an error"
        warnings.warn(f"{scenario.name}: {unserved.describe()}; {what}", UnservedWarning, stacklevel=3)
    load = load_of(scenario, unserved, tokens)
    if load.filed_rate_per_s is not None:
        warnings.warn(f"{scenario.name}: {load.describe()}", LoadWarning, stacklevel=3)
    return load


def _changed(filed: Scenario, scenario: Scenario) -> list[str]:
    """Fields of which a capacity may depend that differ between two scenarios with the same programs."""
    return [
        f"{name}.{field}"
        for name in type(scenario).MEASURED
        for field in type(getattr(scenario, name)).model_fields
        if getattr(getattr(scenario, name), field) != getattr(getattr(filed, name), field)
    ]
