"""What a reader found in a trace."""

from dataclasses import dataclass
from typing import NamedTuple

from agentsim_env.workload.programs import Programs
from agentsim_env.workload.traces.errors import BadLine

_SHOWN = 3
"""Bad lines that a description quotes."""


@dataclass(frozen=True)
class TraceReport:
    """Totals of a trace as it was read, before any cut by `max_turns` or `max_context_tokens`.

    Attributes:
        format: Name of the format.
        files: Number of files read.
        lines: Records read (lines of JSONL or CSV, requests of a Claude Code conversation), bad ones included.
        bad_lines: Records that were skipped, with their line numbers; always empty in strict reading.
        requests: Requests that became turns, those of sub-agents included.
        sessions: Programs.
        prompt_tokens: Sum of the prompts of `requests`.
        output_tokens: Sum of the outputs of `requests`, as the trace says (a 0 counts 0).
        subagent_requests: Those of `requests` that sub-agents made.
        subagent_prompt_tokens: Their prompt tokens.
        subagent_output_tokens: Their output tokens.
        failed_requests: Requests that the trace marks as failed; skipped.
        raised_outputs: Requests whose output of 0 tokens was raised to 1.
        approximated: Timing relations that a program cannot express and that were relaxed (see `docs/traces.md`).
        prefix_reuse: Fraction of all prompt tokens that an unbounded cache would hold, 0 to 1.
        cut_turns: Turns dropped by `max_turns` or `max_context_tokens`.
        cut_programs: Programs dropped because none of their turns was left.
        span_s: Seconds from the first recorded time of a request to the last; None if the trace records no times.
        sorted_records: Records (of graphs, programs) that come in the file after one with a later time; sorted.
        chained_requests: Requests that were made follow-ups of others because their ids begin as those do, in a trace
            that names no sessions.
        rebuilt_sessions: Programs of more than one request that came of it.
        delta_prompts: Prompts that were put together from what each request adds.
        doubts: What may have been misread, and how to say so.
        arrivals: Where the arrivals of a simulation come from; empty where there is none yet.
    """

    format: str
    files: int = 1
    lines: int = 0
    bad_lines: tuple[BadLine, ...] = ()
    requests: int = 0
    sessions: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    subagent_requests: int = 0
    subagent_prompt_tokens: int = 0
    subagent_output_tokens: int = 0
    failed_requests: int = 0
    raised_outputs: int = 0
    approximated: int = 0
    prefix_reuse: float = 0.0
    cut_turns: int = 0
    cut_programs: int = 0
    span_s: float | None = None
    sorted_records: int = 0
    chained_requests: int = 0
    rebuilt_sessions: int = 0
    delta_prompts: int = 0
    doubts: tuple[str, ...] = ()
    arrivals: str = ""

    @property
    def main_requests(self) -> int:
        """Requests outside sub-agents."""
        return self.requests - self.subagent_requests

    def describe(self) -> str:
        """The report as lines of text: what was read, what was changed, and how much it is."""
        times = "without recorded times" if self.span_s is None else f"in {self.span_s:,.6g} s"
        heading = (
            f"{self.format} trace: {self.sessions:,} programs, {self.requests:,} requests {times}"
            + (f" ({self.subagent_requests:,} of sub-agents)" if self.subagent_requests else "")
            + (f"; arrivals: {self.arrivals}" if self.arrivals else "")
        )
        volume = (
            f"{self.prompt_tokens:,} prompt tokens ({self.prefix_reuse:.1%} reusable by an unbounded cache), "
            f"{self.output_tokens:,} output tokens"
        )
        return "\n".join([heading, *self._changes(), volume])

    def _changes(self) -> list[str]:
        """What was sorted, rebuilt, raised, relaxed and dropped, and what may be misread."""
        rebuilt = f"chained into {self.rebuilt_sessions:,} programs (sessions: named keeps them apart)"
        counts = {
            "records out of time order, sorted": self.sorted_records,
            f"follow-ups found by their ids, {rebuilt}": self.chained_requests,
            "prompts put together from deltas": self.delta_prompts,
            "failed requests, skipped": self.failed_requests,
            "outputs of 0 tokens, raised to 1": self.raised_outputs,
            "timing relations, relaxed": self.approximated,
            "turns beyond the limits, cut off": self.cut_turns,
            "programs whose first turn is beyond the limits, left out": self.cut_programs,
            "bad lines, skipped": len(self.bad_lines),
        }
        lines = [f"{what}: {count:,}" for what, count in counts.items() if count]
        lines += [f"  {bad.file}:{bad.line}: {bad.message}" for bad in self.bad_lines[:_SHOWN]]
        lines += ["  ..."] * (len(self.bad_lines) > _SHOWN)
        return lines + [f"in doubt: {doubt}" for doubt in self.doubts]


class Trace(NamedTuple):
    """A trace that was read.

    Attributes:
        programs: The workload.
        report: What was found, skipped and changed.
    """

    programs: Programs
    report: TraceReport
