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

    @property
    def main_requests(self) -> int:
        """Requests outside sub-agents."""
        return self.requests - self.subagent_requests

    def describe(self) -> str:
        """The report as a few lines of text."""
        lines = [
            f"{self.format} trace: {self.sessions:,} programs, {self.requests:,} requests"
            + (f" ({self.subagent_requests:,} of sub-agents)" if self.subagent_requests else ""),
            f"{self.prompt_tokens:,} prompt tokens ({self.prefix_reuse:.1%} reusable by an unbounded cache), "
            f"{self.output_tokens:,} output tokens",
        ]
        notes = {
            "failed requests, skipped": self.failed_requests,
            "outputs of 0 tokens, raised to 1": self.raised_outputs,
            "timing relations, relaxed": self.approximated,
            "turns beyond the limits, cut off": self.cut_turns,
            "programs whose first turn is beyond the limits, left out": self.cut_programs,
            "bad lines, skipped": len(self.bad_lines),
        }
        lines += [f"{what}: {count:,}" for what, count in notes.items() if count]
        lines += [f"  {bad.file}:{bad.line}: {bad.message}" for bad in self.bad_lines[:_SHOWN]]
        return "\n".join(lines + ["  ..."] * (len(self.bad_lines) > _SHOWN))


class Trace(NamedTuple):
    """A trace that was read.

    Attributes:
        programs: The workload.
        report: What was found, skipped and changed.
    """

    programs: Programs
    report: TraceReport
