"""Programs drawn from a trace."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from agentsim_env.scenario.arrivals import TraceTimes
from agentsim_env.scenario.errors import ScenarioError, TooFewProgramsError
from agentsim_env.scenario.trace_digest import files_below
from agentsim_env.scenario.workload import TraceSource, Workload
from agentsim_env.workload.arrivals import Times
from agentsim_env.workload.programs import ARRAYS, Programs, longest_contexts
from agentsim_env.workload.streams import Streams
from agentsim_env.workload.traces import Trace, TraceReport, TraceSampler, read_trace


class Recorded:
    """Draws episodes from a trace.

    Args:
        source: Which trace, and how it is read.
        block_size: Tokens in a KV block.
        reuse_generated: Whether what a turn has generated is cache for the next one.
        part: Part of the trace to draw from, as fractions.

    Raises:
        TraceError: The trace cannot be read, or its limits leave no program.
        TooFewProgramsError: There is no program in the part to draw from.
        ScenarioError: A part is asked for, and programs wait for the ends of others.

    Attributes:
        tools: Tools that the programs call.
        report: What was found in the whole trace, skipped and cut.
    """

    def __init__(
        self, source: TraceSource, block_size: int, reuse_generated: bool, part: tuple[float, float] = (0.0, 1.0)
    ) -> None:
        trace = read_source(source, block_size, reuse_generated)
        total = len(trace.programs.program)
        if round(part[0] * total) == round(part[1] * total):
            has = f"{total} program{'s' if total > 1 else ''}"
            raise TooFewProgramsError(f"{source.path} has {has}, none in the part of it that is asked for")
        self._path = source.path
        self._speedup = source.speedup
        self._whole = trace.programs
        self._is_part = part != (0.0, 1.0)
        self._is_closed = bool((trace.programs.program["after"] >= 0).any())
        if self._is_closed and self._is_part:
            raise self._only_whole()
        # What waits for one another cannot be taken apart, so nothing is sampled from it.
        self._sampler = None if self._is_closed else TraceSampler(trace.programs, part)
        self.tools = trace.programs.tools
        self.report = trace.report

    def programs(
        self, n: int | None, streams: Streams, times: Times | None, window: tuple[float, float] | None = None
    ) -> Programs:
        """Draws programs.

        Args:
            n: How many; None: all in the window.
            streams: Random streams.
            times: When they arrive; None: when they arrived.
            window: Part of the trace to take them from, (start, end) in seconds.

        Raises:
            TooFewProgramsError: There are fewer.
            ScenarioError: Not all are asked for at their own times, and programs wait for the ends of others.
        """
        if times is None and window is None and not self._is_part and n in (None, len(self._whole.program)):
            return _faster(_copied(self._whole), self._speedup)
        if self._sampler is None:
            raise self._only_whole()
        there = self._sampler.count(window)
        n = there if n is None else n
        if n > there or there < 1:
            where = "" if window is None else f" from {window[0]:g} to {window[1]:g} s"
            raise TooFewProgramsError(
                f"episode.programs = {n}: must be from 1 to {there}, the programs to draw from in {self._path}{where}"
            )
        if times is None:
            programs = self._sampler.sample(n, streams.shapes, window=window)
            return _faster(programs, self._speedup)
        given = times(streams.arrivals, n)
        if (given.after < 0).all():
            return self._sampler.sample(n, streams.shapes, given.arrival_s, window)
        programs = self._sampler.sample(n, streams.shapes, np.zeros(n), window)
        programs.program["arrival_s"] = given.arrival_s
        programs.program["after"] = given.after
        # A deadline counts from an arrival that is not known before the program in front has ended.
        programs.program["deadline_s"] = np.inf
        return programs

    def longest_contexts(self) -> np.ndarray:
        """Longest context of each program that there is to draw from, in tokens, `int64 [programs]`."""
        if self._sampler is None:
            return longest_contexts(self._whole)
        return longest_contexts(self._sampler.programs)[self._sampler.first : self._sampler.end]

    @property
    def n_programs(self) -> int:
        """Programs that there are to draw from."""
        return len(self._whole.program) if self._sampler is None else self._sampler.count()

    def _only_whole(self) -> ScenarioError:
        return ScenarioError(
            f"workload.trace.path = {self._path}: its programs wait for the ends of others (closed loop), so it is "
            f"only replayed whole; allowed: arrivals.process = trace, and episode.programs = null"
        )


def _copied(programs: Programs) -> Programs:
    """The same workload in arrays of its own, which whoever gets them may change."""
    return programs._replace(**{name: getattr(programs, name).copy() for name in ARRAYS})


def _faster(programs: Programs, speedup: float) -> Programs:
    arrival_s = programs.program["arrival_s"] / speedup
    programs.program["deadline_s"] += arrival_s - programs.program["arrival_s"]
    programs.program["arrival_s"] = arrival_s
    return programs


def described(workload: Workload, report: TraceReport) -> str:
    """The report on the trace of a workload, with where the arrivals of its episodes come from."""
    return replace(report, arrivals=_origin(workload, report)).describe()


def _origin(workload: Workload, report: TraceReport) -> str:
    process = workload.arrivals.process
    if not isinstance(workload.arrivals, TraceTimes):
        why = "since the trace records none" if report.span_s is None else "the trace's own times are not used"
        return f"made up ({process}), {why}"
    if report.span_s is None:
        return "all at 0 s, since the trace records none"
    if report.span_s == 0.0 and report.sessions > 1:
        return "the trace's own times, all the same"
    speedup = workload.trace.speedup if workload.trace else 1.0
    return "the trace's own times" if speedup == 1.0 else f"the trace's own times, divided by {speedup:g}"


def read_source(source: TraceSource, block_size: int, reuse_generated: bool) -> Trace:
    """The trace of a scenario, whole, and the report on it; see `Recorded` for the arguments.

    Raises:
        MissingTraceError: There is no trace.
        TraceError: The trace cannot be read, or its limits leave no program.
    """
    source.check_exists()
    path = Path(source.path)
    options = source.model_dump(exclude={"path", "speedup"})
    return _read(path, block_size, reuse_generated, _stamp(path), **options)


@lru_cache(maxsize=4)
def _read(path: Path, block_size: int, reuse_generated: bool, stamp: tuple[int, ...], **options: Any) -> Trace:
    """A trace, read once for all environments of a process as long as `stamp` says that it is the same."""
    return read_trace(path, block_size=block_size, reuse_generated=reuse_generated, **options)


def _stamp(path: Path) -> tuple[int, ...]:
    files = files_below(path) if path.is_dir() else [path]
    known = [file.stat() for file in files if file.exists()]
    return (len(known), sum(stat.st_size for stat in known), max((stat.st_mtime_ns for stat in known), default=0))
