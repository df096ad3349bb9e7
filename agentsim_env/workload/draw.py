"""The workload of a scenario and a seed.

`prepare` does once what depends on the scenario alone; the `WorkloadSource` that it gives draws episodes. All random
numbers of a workload come from the seed, in one stream a purpose (see `streams`).
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

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
    from agentsim_env.scenario.schema import Scenario

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
    """

    work: Mix | Recorded
    n_programs: int | None
    times: Times | None
    rate_per_s: float | None
    servers: ToolServers

    def draw(self, seed: int, window: tuple[float, float] | None = None) -> Programs:
        """The workload of an episode.

        Args:
            seed: Whole number of at least 0. Equal seeds give equal workloads, in any process.
            window: Part of the trace to take the programs from, (start, end) in seconds.

        Raises:
            TooFewProgramsError: If the trace, or its part or window, has fewer programs than an episode.
            ScenarioError: If `window` is given and the programs do not come from a trace.
        """
        streams = Streams.spawn(seed)
        if isinstance(self.work, Recorded):
            programs = self.work.programs(self.n_programs, streams, self.times, window)
        elif window is not None:
            raise ScenarioError("window: only programs of a trace have one, and workload.mix is given")
        else:
            assert self.n_programs is not None and self.times is not None
            programs = self.work.programs(self.n_programs, streams, self.times)
        programs = self.servers.serve(programs, streams.failures)
        give_back(programs.turn)
        return programs


def prepare(
    scenario: "Scenario", *, rate_per_s: float | None = None, trace_part: tuple[float, float] = (0.0, 1.0)
) -> WorkloadSource:
    """Prepares the workload of a scenario.

    Args:
        scenario: The scenario.
        rate_per_s: Mean rate of arrivals instead of the scenario's `rate_per_s` or `load`. The programs stay the same.
        trace_part: Part of a trace to draw from, as fractions: `(0.0, 0.8)` to train, `(0.8, 1.0)` to test.

    Raises:
        ScenarioError: If a server is given for a tool that no program calls, or the part of the trace is empty.
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
    rate_per_s = _rate_per_s(scenario) if rate_per_s is None else _checked_rate(given, rate_per_s)
    return WorkloadSource(work, n, _times(given, rate_per_s), rate_per_s, servers)


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


def _rate_per_s(scenario: "Scenario") -> float | None:
    """Rate that the scenario asks for; None if its arrivals have none, or a table is taken as it is."""
    given = scenario.workload.arrivals
    if not isinstance(given, schema.OpenLoop):
        return None
    if given.load is None:
        return given.rate_per_s
    from agentsim_env.capacity import capacity_per_s

    return given.load * capacity_per_s(scenario)


def _checked_rate(given: schema.Arrivals, rate_per_s: float) -> float:
    if not isinstance(given, schema.OpenLoop):
        raise ValueError(f"rate_per_s: workload.arrivals.process = {given.process} has no rate to be replaced")
    return rate_per_s


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
