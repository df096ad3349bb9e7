"""The workload of a scenario and a seed.

`prepare` does once what depends on the scenario alone; the `WorkloadSource` that it gives draws episodes. All random
numbers of a workload come from the seed, in one stream a purpose (see `streams`).
"""

import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from agentsim_env.limits import LONGEST_ARRIVALS_S, LONGEST_S
from agentsim_env.scenario import arrivals as schema
from agentsim_env.scenario.errors import ScenarioError
from agentsim_env.workload import arrivals
from agentsim_env.workload.arrivals import Times
from agentsim_env.workload.heap import give_back
from agentsim_env.workload.mix import Mix
from agentsim_env.workload.programs import Programs
from agentsim_env.workload.recorded import Recorded
from agentsim_env.workload.streams import Streams
from agentsim_env.workload.tool_servers import ToolServers

if TYPE_CHECKING:
    from agentsim_env.load import Load
    from agentsim_env.scenario.schema import Scenario
    from agentsim_env.unserved import Unserved

_KEPT_SOURCES = 16


@dataclass(frozen=True)
class WorkloadSource:
    """Draws the episodes of one scenario.

    Attributes:
        work: Where programs come from: a mix of families or a trace.
        n_programs: Programs of an episode; None: every program of the trace.
        times: When they arrive; None: at the times of the trace.
        rate_per_s: Mean rate of arrivals; None where the process has none, or a table is taken as it is.
        servers: Servers of the tools.
        unserved: How many programs fit on no instance, of all of a trace or of a sample of a mix; None: not known.
        load: What the load of the scenario comes to; None where it gives a rate or none, or another rate is asked for.
    """

    work: Mix | Recorded
    n_programs: int | None
    times: Times | None
    rate_per_s: float | None
    servers: ToolServers
    unserved: "Unserved | None" = None
    load: "Load | None" = None

    def notes(self) -> list[str]:
        """What has to be known of it: which programs fit nowhere, and whether load means another rate than it did."""
        found = [self.unserved.describe()] if self.unserved is not None and self.unserved.unserved else []
        return found + ([self.load.describe()] if self.load is not None and self.load.describe() else [])

    def draw(self, seed: int, window: tuple[float, float] | None = None) -> Programs:
        """The workload of an episode.

        Args:
            seed: Whole number of at least 0. Equal seeds give equal workloads, in any process.
            window: Part of the trace to take the programs from, (start, end) in seconds.

        Raises:
            TooFewProgramsError: If the trace, or its part or window, has fewer programs than an episode.
            ScenarioError: If `window` is given and the programs do not come from a trace, or if a program arrives after
                the clock has come to its end.
        """
        streams = Streams.spawn(seed)
        if isinstance(self.work, Recorded):
            programs = self.work.programs(self.n_programs, streams, self.times, window)
        elif window is not None:
            raise ScenarioError("window: only programs of a trace have one, and workload.mix is given")
        else:
            assert self.n_programs is not None and self.times is not None
            programs = self.work.programs(self.n_programs, streams, self.times)
        latest_s = programs.program["arrival_s"].max(initial=0.0)
        if latest_s > LONGEST_S:
            raise ScenarioError(
                f"workload.arrivals: seed {seed} has a program that arrives at {latest_s:.3g} s, or waits that long "
                f"to begin; the clock ends at {LONGEST_S:g} s"
            )
        programs = self.servers.serve(programs, streams.failures)
        give_back(programs.turn)
        return programs


def prepare(
    scenario: "Scenario", *, rate_per_s: float | None = None, trace_part: tuple[float, float] = (0.0, 1.0)
) -> WorkloadSource:
    """Prepares the workload of a scenario; nothing is simulated unless it has a load and its capacity is not known.

    Warns where a load does not mean what it seems to: some programs fit on no instance (`UnservedWarning`), or
    overrides have changed the capacity (`LoadWarning`).

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
    workload, block_size = scenario.workload, scenario.cluster.block_size_tokens
    given = workload.arrivals
    n = scenario.episode.programs
    if isinstance(given, schema.FixedTimes) and n is None:
        n = len(given.times_s)
    if workload.trace is not None:
        work = Recorded(workload.trace, block_size, workload.reuse_generated, trace_part)
    else:
        assert workload.mix is not None
        work = Mix(workload.mix, block_size, workload.reuse_generated)
    servers = ToolServers(workload.tools, work.tools)
    unserved, load = _feasible(scenario, work, with_load=rate_per_s is None)
    if rate_per_s is not None:
        rate_per_s = _checked_rate(given, rate_per_s)
    elif isinstance(given, schema.OpenLoop):
        rate_per_s = given.rate_per_s if load is None else load.rate_per_s
    _check_span(
        scenario.name, load, rate_per_s, work.n_programs if n is None and isinstance(work, Recorded) else n or 1
    )
    return WorkloadSource(work, n, _times(given, rate_per_s), rate_per_s, servers, unserved, load)


def draw(scenario: "Scenario", seed: int) -> Programs:
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


_sources: dict[str, WorkloadSource] = {}


def _feasible(scenario: "Scenario", work: Mix | Recorded, with_load: bool) -> "tuple[Unserved, Load | None]":
    """What of a scenario's work cannot be served, and the rate that its load stands for."""
    from agentsim_env.load import LoadWarning, load_of
    from agentsim_env.unserved import UnservedWarning, find_unserved

    tokens = work.longest_contexts()
    unserved = find_unserved(scenario, tokens)
    if not with_load or getattr(scenario.workload.arrivals, "load", None) is None:
        return unserved, None
    if unserved.unserved:  # said before the capacity is measured
        what = "they will fail, and arrive on top of those that load counts; workload.strict makes this an error"
        warnings.warn(f"{scenario.name}: {unserved.describe()}; {what}", UnservedWarning, stacklevel=3)
    load = load_of(scenario, unserved, tokens)
    if load is not None and load.filed_rate_per_s is not None:
        warnings.warn(f"{scenario.name}: {load.describe()}", LoadWarning, stacklevel=3)
    return unserved, load


def _checked_rate(given: schema.Arrivals, rate_per_s: float) -> float:
    if not isinstance(given, schema.OpenLoop):
        raise ValueError(f"rate_per_s: workload.arrivals.process = {given.process} has no rate to be replaced")
    return rate_per_s


def _check_span(name: str, load: "Load | None", rate_per_s: float | None, n: int) -> None:
    """Refuses a rate at which the clock may come to its end before all programs have arrived."""
    if rate_per_s is None or n <= rate_per_s * LONGEST_ARRIVALS_S:
        return
    field, value = ("rate_per_s", rate_per_s) if load is None else ("load", load.load)
    span_s = n / rate_per_s
    raise ScenarioError(
        f"{name}: workload.arrivals.{field} = {value:g}: must be at least {value * span_s / LONGEST_ARRIVALS_S:.3g}: "
        f"{n:,} programs would take {span_s:.3g} s to arrive, and {LONGEST_ARRIVALS_S:g} s are allowed"
    )


def _times(given: schema.Arrivals, rate_per_s: float | None) -> Times | None:
    """The arrival process; None for the times of a trace."""
    if isinstance(given, schema.Diurnal):
        table = {"rates_per_s": given.rates_per_s, "window_s": given.window_s, "cv": given.cv}
        return partial(arrivals.diurnal, **table, rate_per_s=rate_per_s)
    if isinstance(given, schema.ClosedLoop):
        return partial(arrivals.closed_loop, users=given.users, think_time_s=given.think_time_s)
    if isinstance(given, schema.FixedTimes):
        return partial(arrivals.fixed, times_s=given.times_s)
    if isinstance(given, schema.TraceTimes):
        return None
    assert rate_per_s is not None
    if isinstance(given, schema.Gamma):
        return partial(arrivals.gamma, rate_per_s=rate_per_s, cv=given.cv)
    return partial(arrivals.poisson, rate_per_s=rate_per_s)
