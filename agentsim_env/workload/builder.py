"""Programs made by hand: for tests, trace readers and DAGs of one's own."""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from agentsim_env.limits import MOST_INT32, MOST_RETRIES
from agentsim_env.workload.programs import EDGE, REPORT, SEGMENT, Programs, Tool, new_programs, new_turns
from agentsim_env.workload.validation import InvalidProgramsError, check_whole, validate


class ChainTurn(NamedTuple):
    """A turn of a chain.

    Attributes:
        new_tokens: Tokens that it appends; for the first one, beyond what is shared.
        output_tokens: Tokens that it generates.
        gap_s: Run time of the tool after it; without meaning for the last one.
        tool: Name of that tool.
    """

    new_tokens: int
    output_tokens: int
    gap_s: float = 0.0
    tool: str = "tool"


class ProgramBuilder:
    """Collects segments, programs, turns and edges in any order and builds a checked workload.

    >>> builder = ProgramBuilder()
    >>> system = builder.add_segment(n_blocks=64)
    >>> program = builder.add_program(arrival_s=1.0)
    >>> turns = builder.add_chain(program, [ChainTurn(100, 20, gap_s=0.5), ChainTurn(30, 10)], parent=system)
    >>> builder.build().turn["prompt_tokens"].tolist()
    [1124, 1174]

    Args:
        block_size: Tokens in a KV block.
        tools: Tools that are more than a name; others are made at their first mention.
    """

    def __init__(self, block_size: int = 16, tools: Sequence[Tool] = ()) -> None:
        check_whole(block_size, "block_size", 1)
        _check_kinds(tools, Tool, "tools")
        self.block_size = block_size
        self._tools = {tool.name: tool for tool in tools}
        self._tool_index = {name: i for i, name in enumerate(self._tools)}
        self._families: dict[str, int] = {}
        self._tenants: dict[str, int] = {}
        self._segments: list[tuple[int, int, int]] = []
        self._programs: list[tuple[float, float, int, int, int, int, int]] = []
        self._turns: list[tuple[int, int, int, int, int, int]] = []
        self._edges: list[tuple[int, int, float, int, int]] = []
        self._reports: list[tuple[float, int, int, int]] = []
        self._step_s: list[float] = []

    def add_segment(self, n_blocks: int, parent: int = -1) -> int:
        """Adds a run of `n_blocks` blocks that follows segment `parent` (-1: a root) and returns its number."""
        self._check_parent(parent)
        _check_whole(n_blocks, "segment", len(self._segments), "n_blocks")
        start = self.end_block(parent)
        self._segments.append((parent, start, n_blocks))
        return len(self._segments) - 1

    def end_block(self, segment: int) -> int:
        """Blocks on the path to the end of a segment; 0 for -1."""
        return 0 if segment < 0 else self._segments[segment][1] + self._segments[segment][2]

    def add_program(
        self,
        arrival_s: float = 0.0,
        *,
        deadline_s: float = np.inf,
        after: int = -1,
        family: str = "custom",
        tenant: str = "default",
        adapter: int = -1,
        society: int = -1,
    ) -> int:
        """Adds a program and returns its number.

        Args:
            arrival_s: Time of arrival; with `after`, the delay after the end of that program.
            deadline_s: Absolute deadline.
            after: Number of the program whose end starts this one.
            family: Name of its family.
            tenant: Name of its owner.
            adapter: Number of the adapter that its turns need, -1 for none.
            society: Number of the society that it takes steps with, -1 for none.
        """
        number = len(self._programs)
        _check_number(arrival_s, "program", number, "arrival_s")
        _check_number(deadline_s, "program", number, "deadline_s")
        for name, value in {"after": after, "adapter": adapter, "society": society}.items():
            _check_whole(value, "program", number, name)
        family_index = _number_of(family, self._families, "program", number, "family")
        tenant_index = _number_of(tenant, self._tenants, "program", number, "tenant")
        self._programs.append((arrival_s, deadline_s, after, family_index, tenant_index, adapter, society))
        return number

    def add_turn(
        self,
        program: int,
        segment: int,
        *,
        prompt_tokens: int,
        output_tokens: int,
        new_tokens: int | None = None,
        step: int = -1,
    ) -> int:
        """Adds a turn and returns its number.

        Args:
            program: Number of its program.
            segment: Leaf of its context; the path must cover prompt and output.
            prompt_tokens: Whole prompt.
            output_tokens: Tokens to generate.
            new_tokens: Tokens that the program has not had before; None: the whole prompt.
            step: Step of its society before which it is not ready, -1 for none.
        """
        number = len(self._turns)
        _check_index(program, len(self._programs), "turn", number, "program")
        new = prompt_tokens if new_tokens is None else new_tokens
        given = {"segment": segment, "prompt_tokens": prompt_tokens, "new_tokens": new, "output_tokens": output_tokens}
        for name, value in (given | {"step": step}).items():
            _check_whole(value, "turn", number, name)
        self._turns.append((program, segment, prompt_tokens, new, output_tokens, step))
        return number

    def add_edge(self, source: int, target: int, gap_s: float = 0.0, tool: str = "tool", failures: int = 0) -> None:
        """Lets turn `target` wait for turn `source` and a call of `tool` that follows it.

        Args:
            source: Number of a turn.
            target: Number of another turn of the same program.
            gap_s: Run time of one attempt.
            tool: Name of the tool.
            failures: Failed attempts before the one that succeeds.
        """
        number = len(self._edges)
        for turn in (source, target):
            _check_index(turn, len(self._turns), "edge", number, "turn")
        if self._turns[source][0] != self._turns[target][0]:
            raise InvalidProgramsError(f"edge {number}: turn {target}: of another program than turn {source}")
        _check_number(gap_s, "edge", number, "gap_s")
        _check_whole(failures, "edge", number, "failures", MOST_RETRIES)
        place = _number_of(tool, self._tool_index, "edge", number, "tool")
        self._tools.setdefault(tool, Tool(tool))
        self._edges.append((source, target, gap_s, place, failures))

    def add_society(self, step_s: float = 0.0) -> int:
        """Adds programs that take steps together, each of at least `step_s` seconds, and returns their number."""
        number = len(self._step_s)
        _check_number(step_s, "society", number, "step_s")
        self._step_s.append(step_s)
        return number

    def add_report(self, program: int, announced: float, *, step: int = -1, turn: int = -1) -> None:
        """Lets a program say when its next call comes.

        Args:
            program: Number of the program.
            announced: Step of that call if the program is in a society, else seconds from the report to it.
            step: Step that begins with this report.
            turn: Number of the turn of the program that ends with it; either this or `step`.
        """
        number = len(self._reports)
        _check_index(program, len(self._programs), "report", number, "program")
        _check_number(announced, "report", number, "announced")
        _check_whole(step, "report", number, "step")
        _check_whole(turn, "report", number, "turn")
        if turn != -1:
            _check_index(turn, len(self._turns), "report", number, "turn")
        self._reports.append((announced, program, step, turn))

    def add_chain(self, program: int, turns: Sequence[ChainTurn], parent: int = -1) -> list[int]:
        """Adds turns that follow one another on one private segment below `parent` and returns their numbers.

        Args:
            program: Number of the program.
            turns: The turns, at least one.
            parent: Shared segment that the context starts from, with all its tokens; -1: none.
        """
        _check_kinds(turns, ChainTurn, "turns")
        if not turns:
            raise InvalidProgramsError(f"program {program}: a chain has at least one turn")
        for i, turn in enumerate(turns):
            _check_whole(turn.new_tokens, "turn", i, "new_tokens")
            _check_whole(turn.output_tokens, "turn", i, "output_tokens")
        self._check_parent(parent)
        prompt, added = self.end_block(parent) * self.block_size, []
        total = prompt + sum(turn.new_tokens + turn.output_tokens for turn in turns)
        segment = self.add_segment(-(-total // self.block_size) - self.end_block(parent), parent)
        for i, turn in enumerate(turns):
            prompt += turn.new_tokens
            added.append(
                self.add_turn(
                    program,
                    segment,
                    prompt_tokens=prompt,
                    output_tokens=turn.output_tokens,
                    new_tokens=turn.new_tokens if i else prompt,
                )
            )
            prompt += turn.output_tokens
        for source, target, turn in zip(added, added[1:], turns, strict=False):
            self.add_edge(source, target, turn.gap_s, turn.tool)
        return added

    def build(self) -> Programs:
        """The workload: programs in the order of their arrival, turns in topological order.

        Numbers of programs and turns stay what they were where they are in that order already.

        Raises:
            InvalidProgramsError: If a program has no turns or a cycle, or what has been added breaks a promise of
                `Programs`.
        """
        program_at = self._program_order()
        turn_at = self._turn_order(program_at)
        new_program, new_turn = _inverse(program_at), _inverse(turn_at)
        columns = [np.array(column) for column in zip(*self._turns, strict=True)] or [np.empty(0, np.int64)] * 6

        edges = sorted((int(new_turn[source]), i) for i, (source, *_) in enumerate(self._edges))
        edge = np.array(
            [
                (gap_s, new_turn[target], tool, failures)
                for _, target, gap_s, tool, failures in (self._edges[i] for _, i in edges)
            ],
            EDGE,
        )
        turn = new_turns(len(self._turns))
        turn["program"] = new_program[columns[0][turn_at]]
        for name, column in zip(_TURN_COLUMNS, columns[1:], strict=True):
            turn[name] = column[turn_at]
        turn["n_edges"] = np.bincount([source for source, _ in edges], minlength=len(turn))
        turn["first_edge"] = np.cumsum(turn["n_edges"], dtype=np.int64) - turn["n_edges"]
        turn["n_parents"] = np.bincount(edge["target"], minlength=len(turn))

        program = new_programs(len(self._programs))
        for i, number in enumerate(program_at):
            arrival_s, deadline_s, after, *labels = self._programs[number]
            after = int(new_program[after]) if 0 <= after < len(new_program) else after
            program[i] = (arrival_s, deadline_s, after, 0, 0, *labels)
        program["n_turns"] = np.bincount(turn["program"], minlength=len(program))
        program["first_turn"] = np.cumsum(program["n_turns"], dtype=np.int64) - program["n_turns"]
        segment = np.array(self._segments, SEGMENT)
        report = np.array(self._reports, REPORT)
        report["program"] = new_program[report["program"]]
        report["turn"] = np.where(report["turn"] >= 0, new_turn[report["turn"]], report["turn"])
        tools = tuple(self._tools.values())
        families, tenants = tuple(self._families) or ("custom",), tuple(self._tenants) or ("default",)
        names = (tools, families, tenants)
        programs = Programs(program, turn, edge, segment, self.block_size, *names, report, tuple(self._step_s))
        validate(programs)
        return programs

    def _check_parent(self, parent: int) -> None:
        if parent != -1:
            _check_index(parent, len(self._segments), "segment", len(self._segments), "parent")

    def _program_order(self) -> np.ndarray:
        """Number of the program at each place: those that wait for no other are sorted among their own places."""
        order = np.arange(len(self._programs))
        places = [i for i, (_, _, after, *_) in enumerate(self._programs) if after == -1]
        order[places] = sorted(places, key=lambda i: self._programs[i][0])
        return order

    def _turn_order(self, program_at: np.ndarray) -> np.ndarray:
        """Number of the turn at each place: program by program, parents first, else in the order of adding."""
        waiting, children = [0] * len(self._turns), [[] for _ in self._turns]
        for source, target, *_ in self._edges:
            waiting[target] += 1
            children[source].append(target)
        of_program: list[list[int]] = [[] for _ in self._programs]
        for i, (program, *_) in enumerate(self._turns):
            of_program[program].append(i)
        order: list[int] = []
        for number in program_at:
            ready = [i for i in of_program[number] if waiting[i] == 0]
            heapify(ready)
            placed = len(order)
            while ready:
                turn = heappop(ready)
                order.append(turn)
                for child in children[turn]:
                    waiting[child] -= 1
                    if waiting[child] == 0:
                        heappush(ready, child)
            if len(order) - placed != len(of_program[number]):
                raise InvalidProgramsError(f"program {number}: its edges form a cycle")
        return np.array(order, np.int64)


_TURN_COLUMNS = ("segment", "prompt_tokens", "new_tokens", "output_tokens", "step")

_MOST_NAMES = np.iinfo(EDGE["tool"]).max + 1
"""Tools, families and tenants: their numbers are saved in 16 bits."""


def _check_whole(value: Any, entry: str, number: int, field: str, most: int = MOST_INT32) -> None:
    """Refuses what would become another number in the arrays; whether it makes sense is seen when all is there."""
    if type(value) is int and -most <= value <= most:
        return
    if not isinstance(value, Integral) or isinstance(value, bool) or abs(int(value)) > most:
        raise InvalidProgramsError(
            f"{entry} {number}: {field} = {value!r:.60}: must be a whole number of at most {most:,}"
        )


def _check_number(value: Any, entry: str, number: int, field: str) -> None:
    """Refuses what is no number, which NumPy may make one of."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise InvalidProgramsError(f"{entry} {number}: {field} = {value!r:.60}: must be a number")


def _check_index(value: Any, n: int, entry: str, number: int, field: str) -> None:
    """Refuses what is not the number of one of `n` things that have been added."""
    _check_whole(value, entry, number, field)
    if not 0 <= value < n:
        raise InvalidProgramsError(f"{entry} {number}: {field} = {value}: there is none; {n:,} have been added")


def _check_kinds(entries: Any, kind: type, name: str) -> None:
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        raise InvalidProgramsError(f"{name} = {entries!r:.60}: must be a list of {kind.__name__}")
    for i, entry in enumerate(entries):
        if not isinstance(entry, kind):
            raise InvalidProgramsError(f"{name}: entry {i} is {entry!r:.60}: must be a {kind.__name__}")


def _number_of(name: Any, known: dict[str, int], entry: str, number: int, field: str) -> int:
    """Number of a name, the next one if it has none yet."""
    if not isinstance(name, str):
        raise InvalidProgramsError(f"{entry} {number}: {field} = {name!r:.60}: must be a text")
    place = known.setdefault(name, len(known))
    if place >= _MOST_NAMES:
        raise InvalidProgramsError(f"{entry} {number}: {field} = {name!r:.60}: one too many, at most {_MOST_NAMES:,}")
    return place


def _inverse(order: np.ndarray) -> np.ndarray:
    inverse = np.empty(len(order), np.int64)
    inverse[order] = np.arange(len(order))
    return inverse
