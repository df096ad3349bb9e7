"""Traces of single-turn requests with nothing but lengths."""

from typing import Any

import numpy as np

from agentsim_env.workload.programs import EDGE, SEGMENT, Programs, new_programs, new_turns
from agentsim_env.workload.traces.clock import out_of_order
from agentsim_env.workload.traces.errors import Problems
from agentsim_env.workload.traces.opening import TraceFile
from agentsim_env.workload.traces.report import Trace, TraceReport


class FlatRequests:
    """Requests as columns, so that a million of them cost no object each."""

    def __init__(self) -> None:
        """Starts with none."""
        self._arrival_s: list[float] = []
        self._prompt_tokens: list[int] = []
        self._output_tokens: list[int] = []

    def add(self, arrival_s: float, prompt_tokens: int, output_tokens: int) -> None:
        """Adds a request; an output of 0 tokens is raised to 1 in the end."""
        self._arrival_s.append(arrival_s)
        self._prompt_tokens.append(prompt_tokens)
        self._output_tokens.append(output_tokens)

    def trace(
        self, name: str, files: list[TraceFile], problems: Problems, block_size: int, failed: int = 0, **found: Any
    ) -> Trace:
        """The requests as programs of one turn; arrivals count from the first one.

        Args:
            name: Name of the format, and of the one family.
            files: Files read.
            problems: Lines read and skipped.
            block_size: Tokens in a KV block.
            failed: Requests that the trace marks as failed.
            **found: Further fields of `TraceReport`.
        """
        arrival_s = np.array(self._arrival_s)
        output_tokens = np.array(self._output_tokens, dtype=np.int64)
        report = TraceReport(
            format=name,
            files=len(files),
            lines=problems.lines,
            bad_lines=tuple(problems.bad_lines),
            requests=len(arrival_s),
            sessions=len(arrival_s),
            prompt_tokens=sum(self._prompt_tokens),
            output_tokens=sum(self._output_tokens),
            failed_requests=failed,
            raised_outputs=int((output_tokens == 0).sum()),
            span_s=float(np.ptp(arrival_s)) if len(arrival_s) else 0.0,
            sorted_records=out_of_order(self._arrival_s),
            **found,
        )
        programs = flat_programs(
            arrival_s - arrival_s.min(initial=np.inf),
            np.array(self._prompt_tokens, dtype=np.int64),
            np.maximum(output_tokens, 1),
            name,
            block_size,
        )
        return Trace(programs, report)


def flat_programs(
    arrival_s: np.ndarray, prompt_tokens: np.ndarray, output_tokens: np.ndarray, family: str, block_size: int
) -> Programs:
    """Single-turn programs that share nothing.

    Args:
        arrival_s: Arrivals, in any order.
        prompt_tokens: Prompts, at least 1.
        output_tokens: Outputs, at least 1.
        family: Name of the one family.
        block_size: Tokens in a KV block.
    """
    order = np.argsort(arrival_s, kind="stable")
    n = len(order)
    program = new_programs(n)
    program["arrival_s"] = np.asarray(arrival_s)[order]
    program["first_turn"] = np.arange(n)
    program["n_turns"] = 1
    turn = new_turns(n)
    turn["program"] = turn["segment"] = np.arange(n)
    turn["prompt_tokens"] = turn["new_tokens"] = np.asarray(prompt_tokens)[order]
    turn["output_tokens"] = np.asarray(output_tokens)[order]
    segment = np.zeros(n, dtype=SEGMENT)
    segment["parent"] = -1
    total = turn["prompt_tokens"].astype(np.int64) + turn["output_tokens"]
    segment["n_blocks"] = -(-total // block_size)
    return Programs(program, turn, np.zeros(0, dtype=EDGE), segment, block_size, (), (family,))
