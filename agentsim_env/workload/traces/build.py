"""From the requests of a trace to `Programs`."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from agentsim_env.errors import AgentSimError
from agentsim_env.workload.programs import EDGE, PROGRAM, Programs, Tool, new_programs, new_turns
from agentsim_env.workload.traces.clock import out_of_order
from agentsim_env.workload.traces.errors import Problems
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.place import Contexts
from agentsim_env.workload.traces.report import Trace, TraceReport
from agentsim_env.workload.traces.reuse import hit_blocks
from agentsim_env.workload.traces.subset import compact_segments, take_programs
from agentsim_env.workload.traces.trie import Branches, PrefixTrie

_MOST_NAMES = int(np.iinfo(PROGRAM["family"]).max)


class TooManyNamesError(AgentSimError, ValueError):
    """A trace has more tools, families or tenants than a workload can tell apart."""


class _Program(NamedTuple):
    arrival_s: float
    deadline_s: float
    first_turn: int
    family: int
    tenant: int


class _Edge(NamedTuple):
    source: int
    target: int
    gap_s: float
    tool: int


class TraceBuilder:
    """Collects programs, turns and edges in any order of arrival, and compiles them.

    Attributes:
        raised_outputs: Turns whose output of 0 tokens was raised to 1.
        prompt_tokens: Sum of all prompts.
        output_tokens: Sum of all outputs as the trace says.
    """

    def __init__(self, options: ReadOptions) -> None:
        """Starts with nothing."""
        self._options = options
        self._branches = Branches()
        self._contexts = Contexts(self._branches, options.block_size, options.reuse_generated)
        self._programs: list[_Program] = []
        self._program_of: list[int] = []
        self._edges: list[_Edge] = []
        self._names: dict[str, dict[str, int]] = {"tool": {}, "family": {}, "tenant": {}}
        self.raised_outputs = 0
        self.prompt_tokens = 0
        self.output_tokens = 0

    def __len__(self) -> int:
        """Turns so far."""
        return len(self._program_of)

    def scope(self, tokens_per_id: int) -> PrefixTrie:
        """A fresh scope of ids: equal ids of one scope are equal content, ids of two scopes share nothing.

        The turns of earlier scopes are placed now and their ids forgotten, so no turn may come for them any more.
        """
        self._contexts.place_pending()
        return PrefixTrie(self._branches, tokens_per_id, self._options.block_size)

    def program(self, arrival_s: float, *, family: str, tenant: str = "default", deadline_s: float = math.inf) -> int:
        """Begins a program and returns its index."""
        self._programs.append(
            _Program(arrival_s, deadline_s, len(self), self._name("family", family), self._name("tenant", tenant))
        )
        return len(self._programs) - 1

    def turn(
        self,
        prompt_tokens: int,
        output_tokens: int,
        *,
        ids: np.ndarray | None = None,
        trie: PrefixTrie | None = None,
        extends: Sequence[int] = (),
    ) -> int:
        """Adds a turn to the last program, after the turns that it waits for.

        Args:
            prompt_tokens: Whole prompt, at least 1.
            output_tokens: Tokens to generate; 0 is raised to 1.
            ids: Ids of the prompt's blocks, from its first; None if the trace has none.
            trie: Scope of `ids`.
            extends: Turns of this program whose context this one may go on from.

        Returns:
            Index of the turn.
        """
        self.prompt_tokens += prompt_tokens
        self.output_tokens += output_tokens
        if output_tokens == 0:
            self.raised_outputs += 1
            output_tokens = 1
        self._program_of.append(len(self._programs) - 1)
        self._contexts.add(prompt_tokens, output_tokens, ids if trie is not None else None, trie, extends)
        return len(self) - 1

    def edge(self, source: int, target: int, gap_s: float, tool: str) -> None:
        """Lets `target` wait for the end of `source` and then `gap_s` seconds in tool `tool`."""
        self._edges.append(_Edge(source, target, gap_s, self._name("tool", tool)))

    def build(self) -> Programs:
        """The workload, sorted by arrival; times count from the first one."""
        self._contexts.place_pending()
        segments = self._branches.segments()
        turn = self._turns()
        leaf_branch, last_block = self._contexts.leaves()
        turn["segment"] = segments.find(leaf_branch, last_block)
        edge = self._connect(turn)
        segment, turn["segment"] = compact_segments(segments.segment, turn["segment"])
        programs = Programs(
            self._program_array(),
            turn,
            edge,
            segment,
            self._options.block_size,
            tuple(Tool(name) for name in self._names["tool"]),
            tuple(self._names["family"]),
            tuple(self._names["tenant"]) or ("default",),
        )
        held = hit_blocks(programs, np.arange(len(turn)), per_program=True) * self._options.block_size
        turn["new_tokens"] = np.maximum(1, turn["prompt_tokens"] - np.maximum(held, self._contexts.brought_tokens))
        return take_programs(programs, np.argsort(programs.program["arrival_s"], kind="stable"))

    def trace(self, name: str, files: int, problems: Problems, **found: Any) -> Trace:
        """The workload with a report.

        Args:
            name: Name of the format.
            files: Number of files read.
            problems: Lines read and skipped.
            **found: Further fields of `TraceReport`, and others than these: the times are those of the programs.
        """
        times_s = [program.arrival_s for program in self._programs]
        timed = {"span_s": max(times_s) - min(times_s) if times_s else 0.0, "sorted_records": out_of_order(times_s)}
        report = TraceReport(
            format=name,
            files=files,
            lines=problems.lines,
            bad_lines=tuple(problems.bad_lines),
            requests=len(self),
            sessions=len(self._programs),
            prompt_tokens=self.prompt_tokens,
            output_tokens=self.output_tokens,
            raised_outputs=self.raised_outputs,
            **(timed | found),
        )
        return Trace(self.build(), report)

    def _name(self, kind: str, name: str) -> int:
        """Index of a tool, family or tenant."""
        names = self._names[kind]
        index = names.setdefault(name, len(names))
        if index > _MOST_NAMES:
            raise TooManyNamesError(f"names more than {_MOST_NAMES:,} different values of {kind}; allowed: fewer")
        return index

    def _program_array(self) -> np.ndarray:
        array = new_programs(len(self._programs))
        for name in _Program._fields:
            array[name] = [getattr(program, name) for program in self._programs]
        array["n_turns"] = np.diff(array["first_turn"], append=len(self))
        begin_s = array["arrival_s"].min(initial=np.inf)
        array["arrival_s"] -= begin_s
        array["deadline_s"] -= begin_s
        return array

    def _turns(self) -> np.ndarray:
        turn = new_turns(len(self))
        turn["program"] = self._program_of
        turn["prompt_tokens"] = self._contexts.prompt_tokens
        turn["output_tokens"] = self._contexts.output_tokens
        return turn

    def _connect(self, turn: np.ndarray) -> np.ndarray:
        """The edges in the order of their sources; enters them in `turn`."""
        source = np.array([edge.source for edge in self._edges], dtype=np.int64)
        target = np.array([edge.target for edge in self._edges], dtype=np.int64)
        order = np.argsort(source, kind="stable")
        edge = np.zeros(len(order), dtype=EDGE)
        edge["target"] = target[order]
        edge["gap_s"] = np.array([edge.gap_s for edge in self._edges])[order] if len(order) else 0.0
        edge["tool"] = np.array([edge.tool for edge in self._edges], dtype=np.int64)[order]
        turn["n_parents"] = np.bincount(target, minlength=len(turn))
        n_edges = np.bincount(source, minlength=len(turn))
        turn["n_edges"] = n_edges
        turn["first_edge"] = np.cumsum(n_edges) - n_edges
        return edge
