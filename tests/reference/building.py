"""Builds small workloads by hand: segments, programs, turns and the edges between them."""

import math
from dataclasses import dataclass, field

import numpy as np

from agentsim_env.workload.programs import EDGE, REPORT, SEGMENT, Programs, Tool, new_programs, new_turns


@dataclass
class WorkloadBuilder:
    """Collects a workload; turns belong to the program begun last and come in topological order."""

    tools: tuple[Tool, ...] = (Tool("tool"),)
    block_size: int = 16
    tenants: tuple[str, ...] = ("default",)
    segments: list[tuple[int, int, int]] = field(default_factory=list)
    programs: list[tuple[float, int, int, float, int, int, int]] = field(default_factory=list)
    turns: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    edges: list[tuple[int, int, float, int, int]] = field(default_factory=list)
    reports: list[tuple[float, int, int, int]] = field(default_factory=list)
    step_s: list[float] = field(default_factory=list)

    def segment(self, n_blocks: int, parent: int = -1) -> int:
        """A segment of `n_blocks` behind `parent`; its id."""
        start = 0 if parent < 0 else sum(self.segments[parent][1:])
        self.segments.append((parent, start, n_blocks))
        return len(self.segments) - 1

    def society(self, step_s: float = 0.0) -> int:
        """A society whose steps last at least so long; its id."""
        self.step_s.append(step_s)
        return len(self.step_s) - 1

    def program(
        self,
        arrival_s: float = 0.0,
        after: int = -1,
        deadline_s: float = math.inf,
        tenant: int = 0,
        adapter: int = -1,
        society: int = -1,
    ) -> int:
        """Begin a program; its id."""
        self.programs.append((arrival_s, after, len(self.turns), deadline_s, tenant, adapter, society))
        return len(self.programs) - 1

    def turn(self, segment: int, prompt: int, output: int, new: int | None = None, step: int = -1) -> int:
        """A turn of the program begun last; its id."""
        _, start, length = self.segments[segment]
        if prompt + output > (start + length) * self.block_size:
            raise ValueError(f"turn {len(self.turns)} does not fit its path")
        self.turns.append((len(self.programs) - 1, segment, prompt, prompt if new is None else new, output, step))
        return len(self.turns) - 1

    def edge(self, source: int, target: int, gap_s: float = 0.0, tool: int = 0, failures: int = 0) -> None:
        """`target` waits for a tool that starts at the end of `source`."""
        self.edges.append((source, target, gap_s, tool, failures))

    def report(self, announced: float, step: int = -1, turn: int = -1, program: int | None = None) -> None:
        """What a program, the one begun last, says of its next call, when a step begins or one of its turns ends."""
        self.reports.append((announced, len(self.programs) - 1 if program is None else program, step, turn))

    def build(self) -> Programs:
        """The workload; edges keep, within a turn, the order in which they were added."""
        edges = sorted(self.edges, key=lambda edge: edge[0])
        sources = np.array([edge[0] for edge in edges], int)
        program, turn = new_programs(len(self.programs)), new_turns(len(self.turns))
        edge = np.zeros(len(edges), EDGE)
        for i, (arrival_s, after, first_turn, deadline_s, tenant, adapter, society) in enumerate(self.programs):
            n_turns = sum(owner == i for owner, *_ in self.turns)
            program[i] = (arrival_s, deadline_s, after, first_turn, n_turns, 0, tenant, adapter, society)
        for i, (owner, segment, prompt, new, output, step) in enumerate(self.turns):
            first, stop = np.searchsorted(sources, [i, i + 1])
            n_parents = sum(target == i for _, target, *_ in edges)
            turn[i] = (owner, segment, prompt, new, output, first, stop - first, n_parents, step)
        for i, (_, target, gap_s, tool, failures) in enumerate(edges):
            edge[i] = (gap_s, target, tool, failures)
        segment = np.array(self.segments, SEGMENT)
        report = np.array(self.reports, REPORT)
        return Programs(
            program,
            turn,
            edge,
            segment,
            self.block_size,
            self.tools,
            ("test",),
            self.tenants,
            report,
            tuple(self.step_s),
        )
