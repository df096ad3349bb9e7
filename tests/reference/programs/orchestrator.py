"""Programs: identity, joins, ends, and when they are busy (semantics, "Programs, turns, gaps")."""

import math
from dataclasses import dataclass, field

from agentsim_env.workload.programs import Programs
from tests.reference.programs.turn import Turn
from tests.reference.residency.segments import path_to


@dataclass(eq=False)
class Program:
    """A program and its turns.

    Attributes:
        state: "unborn", "held", "active", "done", "rejected" or "failed".
        missing: Incoming edges not yet done, by turn.
        home: Instance of its most recently routed turn, -1 for none.
        service_s: Sum over its ended turns of the time from first scheduling to end.
        wait_s: Likewise from ready to first scheduling.
        held_s: (from, to) of its wait for admission; no end while it lasts.
        paused: Its turns are held at the gateway.
        acting_since_s: Since when none of its turns is in the cluster.
        served_tokens: Prompt and twice the output of its ended turns, halved again and again while it has no turn here.
        acting_s, reasoning_s: Time without a turn there and service, of the past less and less.
        tool_waits: (from, to) of each wait of one of its tool calls in the queue of a server.
    """

    id: int
    turns: dict[int, Turn]
    missing: dict[int, int]
    state: str = "unborn"
    arrival_s: float = math.nan
    admitted_s: float = math.nan
    end_s: float = math.nan
    home: int = -1
    service_s: float = 0.0
    wait_s: float = 0.0
    paused: bool = False
    acting_since_s: float = 0.0
    served_tokens: float = 0.0
    acting_s: float = 0.0
    reasoning_s: float = 0.0
    held_s: tuple[float, float] | None = None
    tool_waits: list[tuple[float, float]] = field(default_factory=list)

    @property
    def live(self) -> list[Turn]:
        """Turns that have passed the gateway and have not ended."""
        return [t for t in self.turns.values() if t.here and not t.has_ended]

    @property
    def first_turn(self) -> Turn:
        return next(iter(self.turns.values()))

    @property
    def context(self) -> int:
        """Tokens of the longest context so far."""
        seen = [t for t in self.turns.values() if t.here]
        return max((t.prompt + (t.output if t.has_ended else 0) for t in seen), default=0)

    def idleness(self, now: float) -> float:
        """Share of its recent time without a turn."""
        acting_s = self.acting_s + (0.0 if self.live else now - self.acting_since_s)
        return acting_s / (acting_s + self.reasoning_s) if acting_s > 0 else 0.0

    @property
    def ended(self) -> bool:
        return self.state in ("done", "rejected", "failed")

    def busy_intervals(self, horizon_s: float) -> list[tuple[float, float]]:
        """When it was busy, disjoint and in order, cut at its end (at `horizon_s` if it has none)."""
        end_s = horizon_s if math.isnan(self.end_s) else self.end_s
        spans = [(t.ready_s, t.end_s) for t in self.turns.values() if not math.isnan(t.ready_s)] + self.tool_waits
        spans += [self.held_s] if self.held_s else []
        clipped = sorted((max(a, self.arrival_s), end_s if math.isnan(b) else min(b, end_s)) for a, b in spans)
        union: list[tuple[float, float]] = []
        for start, stop in clipped:
            if union and start <= union[-1][1]:
                union[-1] = (union[-1][0], max(stop, union[-1][1]))
            elif stop > start:
                union.append((start, stop))
        return union


class Orchestrator:
    """All programs of the episode."""

    def __init__(self, programs: Programs) -> None:
        self.workload = programs
        self.programs: list[Program] = []
        self.turns: list[Turn] = []
        for number, row in enumerate(programs.program):
            ids = range(int(row["first_turn"]), int(row["first_turn"] + row["n_turns"]))
            turns = {i: self.new_turn(i) for i in ids}
            missing = {i: int(programs.turn["n_parents"][i]) for i in ids}
            self.programs.append(Program(number, turns, missing))
            self.turns.extend(turns.values())

    def new_turn(self, number: int) -> Turn:
        row = self.workload.turn[number]
        prompt = int(row["prompt_tokens"])
        return Turn(
            id=number,
            program=int(row["program"]),
            path=path_to(self.workload, int(row["segment"])),
            prompt=prompt,
            output=int(row["output_tokens"]),
            target=prompt,
            new=int(row["new_tokens"]),
            step=int(row["step"]),
        )

    def program(self, turn: Turn) -> Program:
        return self.programs[turn.program]

    def open_loop(self) -> list[tuple[int, float]]:
        """(program, arrival time) of the programs that wait for no other."""
        rows = self.workload.program
        return [(i, float(row["arrival_s"])) for i, row in enumerate(rows) if row["after"] < 0]

    def followers(self, program: Program) -> list[tuple[int, float]]:
        """(program, delay) of the programs whose clock the end of `program` starts."""
        rows = self.workload.program
        return [(i, float(row["arrival_s"])) for i, row in enumerate(rows) if row["after"] == program.id]

    def admit(self, program: Program) -> list[Turn]:
        """A program is let in; its root turns."""
        program.state = "active"
        return [turn for turn in program.turns.values() if program.missing[turn.id] == 0]

    def edges(self, turn: Turn) -> range:
        """The tool calls that the turn starts."""
        row = self.workload.turn[turn.id]
        return range(int(row["first_edge"]), int(row["first_edge"] + row["n_edges"]))

    def parents(self, turn: Turn) -> list[Turn]:
        """The turns with an edge to `turn`."""
        siblings = self.programs[turn.program].turns.values()
        return [t for t in siblings if any(self.target(edge) is turn for edge in self.edges(t))]

    def target(self, edge: int) -> Turn:
        """The turn that waits for an edge."""
        return self.turns[self.workload.edge["target"][edge]]

    def tools_called(self, turn: Turn) -> list[int]:
        return [int(self.workload.edge["tool"][edge]) for edge in self.edges(turn)]

    def attempts_s(self, edge: int) -> float:
        """All attempts on a tool and the back-offs between them, without waits in its queue."""
        row = self.workload.edge[edge]
        failures = int(row["failures"])
        backoff_s = self.workload.tools[int(row["tool"])].backoff_s
        return float(row["gap_s"]) * (failures + 1) + backoff_s * (2.0**failures - 1.0)

    def source(self, edge: int) -> Turn:
        """The turn that an edge leaves."""
        return next(turn for turn in self.turns if edge in self.edges(turn))

    def join(self, edge: int) -> Turn | None:
        """An edge is done; its target if that was the last one it waited for."""
        turn = self.target(edge)
        missing = self.programs[turn.program].missing
        missing[turn.id] -= 1
        return turn if missing[turn.id] == 0 else None

    def waited(self, edge: int, since: float, until: float) -> None:
        """A tool call has stood in a queue."""
        self.program(self.target(edge)).tool_waits.append((since, until))

    def finished(self, program: Program) -> bool:
        return all(turn.has_ended for turn in program.turns.values())
