"""Builds small workloads by hand: segments, programs, turns and the edges between them."""

import math
from dataclasses import dataclass, field

import numpy as np

from agentsim_env.workload.programs import EDGE, PROGRAM, SEGMENT, TURN, Programs, Tool


@dataclass
class WorkloadBuilder:
    """Collects a workload; turns belong to the program begun last and come in topological order."""

    tools: tuple[Tool, ...] = (Tool("tool"),)
    block_size: int = 16
    tenants: tuple[str, ...] = ("default",)
    segments: list[tuple[int, int, int]] = field(default_factory=list)
    programs: list[tuple[float, int, int, float, int]] = field(default_factory=list)
    turns: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    edges: list[tuple[int, int, float, int, int]] = field(default_factory=list)

    def segment(self, n_blocks: int, parent: int = -1) -> int:
        """A segment of `n_blocks` behind `parent`; its id."""
        start = 0 if parent < 0 else sum(self.segments[parent][1:])
        self.segments.append((parent, start, n_blocks))
        return len(self.segments) - 1

    def program(self, arrival_s: float = 0.0, after: int = -1, deadline_s: float = math.inf, tenant: int = 0) -> int:
        """Begin a program; its id."""
        self.programs.append((arrival_s, after, len(self.turns), deadline_s, tenant))
        return len(self.programs) - 1

    def turn(self, segment: int, prompt: int, output: int, new: int | None = None) -> int:
        """A turn of the program begun last; its id."""
        _, start, length = self.segments[segment]
        if prompt + output > (start + length) * self.block_size:
            raise ValueError(f"turn {len(self.turns)} does not fit its path")
        self.turns.append((len(self.programs) - 1, segment, prompt, prompt if new is None else new, output))
        return len(self.turns) - 1

    def edge(self, source: int, target: int, gap_s: float = 0.0, tool: int = 0, failures: int = 0) -> None:
        """`target` waits for a tool that starts at the end of `source`."""
        self.edges.append((source, target, gap_s, tool, failures))

    def build(self) -> Programs:
        """The workload; edges keep, within a turn, the order in which they were added."""
        edges = sorted(self.edges, key=lambda edge: edge[0])
        sources = np.array([edge[0] for edge in edges], int)
        program = np.zeros(len(self.programs), PROGRAM)
        turn = np.zeros(len(self.turns), TURN)
        edge = np.zeros(len(edges), EDGE)
        for i, (arrival_s, after, first_turn, deadline_s, tenant) in enumerate(self.programs):
            n_turns = sum(owner == i for owner, *_ in self.turns)
            program[i] = (arrival_s, deadline_s, after, first_turn, n_turns, 0, tenant)
        for i, (owner, segment, prompt, new, output) in enumerate(self.turns):
            first, stop = np.searchsorted(sources, [i, i + 1])
            n_parents = sum(target == i for _, target, *_ in edges)
            turn[i] = (owner, segment, prompt, new, output, first, stop - first, n_parents)
        for i, (_, target, gap_s, tool, failures) in enumerate(edges):
            edge[i] = (gap_s, target, tool, failures)
        segment = np.array(self.segments, SEGMENT)
        return Programs(program, turn, edge, segment, self.block_size, self.tools, ("test",), self.tenants)
