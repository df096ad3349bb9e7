"""Where the programs of a scenario come from.

All random numbers of a workload come from the seed of an episode, in one stream a purpose (see `workload.streams`).
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from agentsim_env.assembly.mix import Mix
from agentsim_env.assembly.recorded import Recorded
from agentsim_env.assembly.tool_servers import ToolServers
from agentsim_env.assembly.unserved import Unserved
from agentsim_env.limits import LONGEST_ARRIVALS_S, LONGEST_S
from agentsim_env.scenario import Scenario, ScenarioError
from agentsim_env.scenario import arrivals as schema
from agentsim_env.workload import Programs, arrivals
from agentsim_env.workload.arrivals import Times
from agentsim_env.workload.heap import give_back
from agentsim_env.workload.streams import Streams, checked_seed

Work = Mix | Recorded
"""What draws programs: a mix of families, or a trace."""


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

    work: Work
    n_programs: int | None
    times: Times | None
    rate_per_s: float | None
    servers: ToolServers
    unserved: Unserved | None = None
    load: Load | None = None

    def of(self, _seed: int) -> "WorkloadSource":
        """The source of an episode: of all alike, as nothing of the scenario is drawn."""
        return self

    def notes(self) -> list[str]:
        """What has to be known of it: which programs fit nowhere, and whether load means another rate than it did."""
        found = [self.unserved.describe()] if self.unserved is not None and self.unserved.unserved else []
        return found + ([self.load.describe()] if self.load is not None and self.load.describe() else [])

    def draw(self, seed: int, window: tuple[float, float] | None = None) -> Programs:
        """The workload of an episode.

        Args:
            seed: Whole number from 0 to 2^63 - 1. Equal seeds give equal workloads, in any process.
            window: Part of the trace to take the programs from, (start, end) in seconds.

        Raises:
            SeedError: If the seed is not such a number.
            TooFewProgramsError: If the trace, or its part or window, has fewer programs than an episode.
            ScenarioError: If `window` is given and the programs do not come from a trace, or if a program arrives after
                the clock has come to its end.
        """
        streams = Streams.spawn(checked_seed(seed))
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


def work_of(scenario: Scenario, trace_part: tuple[float, float] = (0.0, 1.0)) -> Work:
    """What the programs of a scenario are drawn from.

    Args:
        scenario: The scenario.
        trace_part: Part of a trace to draw from, as fractions: `(0.0, 0.8)` to train, `(0.8, 1.0)` to test.

    Raises:
        TraceError: The trace cannot be read.
        ScenarioError: There is no program in the part of the trace, or programs of it wait for others.
    """
    workload, block_size = scenario.workload, scenario.cluster.block_size_tokens
    if workload.trace is not None:
        return Recorded(workload.trace, block_size, workload.reuse_generated, trace_part)
    assert workload.mix is not None
    return Mix(workload.mix, block_size, workload.reuse_generated)


def source_of(
    scenario: Scenario,
    work: Work,
    *,
    rate_per_s: float | None = None,
    unserved: Unserved | None = None,
    load: Load | None = None,
) -> WorkloadSource:
    """What draws the episodes of a scenario.

    Args:
        scenario: The scenario.
        work: What its programs are drawn from.
        rate_per_s: Mean rate of arrivals instead of the scenario's `rate_per_s` or `load`. The programs stay the same.
        unserved: What of its programs fits on no instance, if that is known.
        load: What its load comes to, where it gives one and no other rate is asked for.

    Raises:
        ScenarioError: A server is given for a tool that no program calls, or the clock may come to its end before all
            programs have arrived.
        ValueError: `rate_per_s` is given for arrivals without a rate.
    """
    given, n = scenario.workload.arrivals, scenario.episode.programs
    if isinstance(given, schema.FixedTimes) and n is None:
        n = len(given.times_s)
    servers = ToolServers(scenario.workload.tools, work.tools)
    if rate_per_s is not None:
        rate_per_s = _checked_rate(given, rate_per_s)
    elif isinstance(given, schema.OpenLoop):
        rate_per_s = given.rate_per_s if load is None else load.rate_per_s
    most = work.n_programs if n is None and isinstance(work, Recorded) else n or 1
    _check_span(scenario.name, load, rate_per_s, most)
    return WorkloadSource(work, n, _times(given, rate_per_s), rate_per_s, servers, unserved, load)


def _checked_rate(given: schema.Arrivals, rate_per_s: float) -> float:
    if not isinstance(given, schema.OpenLoop):
        raise ValueError(f"rate_per_s: workload.arrivals.process = {given.process} has no rate to be replaced")
    return rate_per_s


def _check_span(name: str, load: Load | None, rate_per_s: float | None, n: int) -> None:
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
