"""Sessions that are given as texts: turns of messages, which may start other sessions."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from agentsim_env.workload.traces.build import TraceBuilder
from agentsim_env.workload.traces.errors import Problems, TraceError, shown
from agentsim_env.workload.traces.fields import MAX_TOKENS
from agentsim_env.workload.traces.graph import topological_order
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.texts import Message, MessageTree, estimated_tokens

OUTPUT_TOKENS = 128
"""Output of a turn whose trace does not say it; chosen, and told in the report."""


class Launch(NamedTuple):
    """A session that a turn starts when it has ended.

    Attributes:
        child: Its name.
        is_fork: It goes on from what has been said; else it starts afresh.
        join_at: Turn of the starting session that waits for its end; -1 for none.
    """

    child: str
    is_fork: bool = False
    join_at: int = -1


class Turn(NamedTuple):
    """A turn.

    Attributes:
        messages: What it adds to what has been said, or all of its prompt.
        roles: Their roles.
        output_tokens: Its output.
        delay_s: Wait before it; NaN if unknown.
        at_s: When it was sent; NaN if unknown.
        is_whole: `messages` is all of the prompt.
        launches: Sessions that it starts.
        is_guessed: The trace does not say its output.
    """

    messages: tuple[Message, ...]
    roles: tuple[str, ...]
    output_tokens: int
    delay_s: float = math.nan
    at_s: float = math.nan
    is_whole: bool = False
    launches: tuple[Launch, ...] = ()
    is_guessed: bool = False


class Session(NamedTuple):
    """A session.

    Attributes:
        name: Its name.
        turns: Its turns, one after another.
        before: Sessions that start when it does.
        place: File and line.
    """

    name: str
    turns: list[Turn]
    before: tuple[str, ...]
    place: tuple[Path, int]


class _Node(NamedTuple):
    """A turn of a program: its session and place there, and the turn (-1 for none) whose context it goes on from."""

    session: Session
    at: int
    context: int
    is_spawned: bool


class _Said(NamedTuple):
    """What has been said when a turn has ended; `messages` is its whole prompt where that is known."""

    path: list[int]
    tokens: int
    messages: tuple[Message, ...]
    prompt: list[int]
    turn: int


class TextSessions:
    """Adds sessions as programs, those that others start as a part of theirs.

    Args:
        options: What the caller asks for.
        format_name: Name of the format, and of the programs' family.
    """

    def __init__(self, options: ReadOptions, format_name: str) -> None:
        """Starts with none."""
        self._builder = TraceBuilder(options)
        self._trie = self._builder.scope(options.block_size)
        self._tree = MessageTree()
        self._service = options.service
        self._block_tokens = options.block_size
        self._format = format_name
        self._moments_s: list[float] = []
        self._guessed = 0
        self._spawned: list[tuple[int, int]] = []

    def add(self, sessions: Mapping[str, Session], problems: Problems) -> None:
        """Adds sessions.

        Raises:
            TraceError: One is started twice, by itself, or is not there.
        """
        started = _started(sessions, problems)
        roots = [session for session in sessions.values() if session.name not in started]
        placed: set[str] = set()
        for root in roots:
            self._add_program(root, sessions, placed)
        for name in sessions.keys() - placed:
            problem = f"{shown(name)} is started by one that it starts itself; allowed: a tree of sessions"
            problems.add(TraceError(*sessions[name].place, "session_id", problem))

    def trace(self, files: int, problems: Problems) -> Trace:
        """The workload with a report."""
        turns = len(self._builder)
        doubts = [f"lengths of {turns:,} prompts are characters / 4, since the trace holds texts"]
        if self._guessed:
            doubts.append(f"{self._guessed:,} turns do not say their output; taken as {OUTPUT_TOKENS} tokens")
        return self._builder.trace(
            self._format,
            files,
            problems,
            span_s=max(self._moments_s) - min(self._moments_s) if self._moments_s else None,
            subagent_requests=len(self._spawned),
            subagent_prompt_tokens=sum(prompt for prompt, _ in self._spawned),
            subagent_output_tokens=sum(output for _, output in self._spawned),
            doubts=tuple(doubts),
        )

    def _add_program(self, root: Session, sessions: Mapping[str, Session], placed: set[str]) -> None:
        nodes, parents = _unfold(root, sessions)
        placed.update(node.session.name for node in nodes)
        order = topological_order([list(waits) for waits in parents]) or []
        arrival_s = root.turns[0].at_s
        self._builder.program(0.0 if math.isnan(arrival_s) else arrival_s, family=self._format)
        said: dict[int, _Said] = {}
        for index in order:
            node = nodes[index]
            said[index] = self._add_turn(node, said.get(node.context))
            for parent, tool in parents[index].items():
                gap_s = self._gap_s(nodes[parent], node, said[parent])
                self._builder.edge(said[parent].turn, said[index].turn, gap_s, tool)

    def _add_turn(self, node: _Node, before: _Said | None) -> _Said:
        turn = node.session.turns[node.at]
        behind, new, tokens = _context(turn, before, self._tree)
        prompt_tokens = tokens + sum(estimated_tokens(part.chars) for part in new)
        end_tokens = prompt_tokens + turn.output_tokens
        if end_tokens > MAX_TOKENS:
            problem = f"{shown(node.session.name)} grows beyond {MAX_TOKENS} tokens; allowed: less"
            raise TraceError(*node.session.place, "session_id", problem)
        prompt = self._tree.prompt(new, prompt_tokens, behind)
        added = self._builder.turn(
            prompt_tokens,
            turn.output_tokens,
            ids=self._tree.block_ids(prompt, prompt_tokens, self._block_tokens),
            trie=self._trie,
            extends=(before.turn,) if before is not None and behind else (),
        )
        self._guessed += turn.is_guessed
        if node.is_spawned:
            self._spawned.append((prompt_tokens, turn.output_tokens))
        if not math.isnan(turn.at_s):
            self._moments_s.append(turn.at_s)
        path = [*prompt, self._tree.private(end_tokens)]
        return _Said(path, end_tokens, turn.messages if turn.is_whole else (), prompt, added)

    def _gap_s(self, parent: _Node, node: _Node, said: _Said) -> float:
        """The delay before a turn, or else what the times leave beside the estimated service of the turn before."""
        before, turn = parent.session.turns[parent.at], node.session.turns[node.at]
        if not math.isnan(turn.delay_s):
            return turn.delay_s
        served_s = self._service.service_s(said.tokens - before.output_tokens, before.output_tokens)
        gap_s = turn.at_s - before.at_s - served_s
        return max(0.0, gap_s) if not math.isnan(gap_s) else 0.0


def _context(turn: Turn, before: _Said | None, tree: MessageTree) -> tuple[list[int], tuple[Message, ...], int]:
    """Nodes that a prompt goes on from, the messages behind them, and the tokens up to there.

    A whole prompt goes on if it holds all of the one before, and then an answer, which is taken for the one given.
    """
    if before is None:
        return [], turn.messages, 0
    if not turn.is_whole:
        return before.path, turn.messages, before.tokens
    known = len(before.messages)
    goes_on = 0 < known < len(turn.messages) and turn.messages[:known] == before.messages
    if not goes_on or turn.roles[known] != "assistant":
        return [], turn.messages, 0
    answer = tree.answer(before.prompt, turn.messages[known : known + 1], before.tokens)
    return [*before.prompt, answer], turn.messages[known + 1 :], before.tokens


def _started(sessions: Mapping[str, Session], problems: Problems) -> set[str]:
    """Names of the sessions that others start."""
    started: set[str] = set()
    for session in sessions.values():
        launched = [launch.child for turn in session.turns for launch in turn.launches]
        for child in (*session.before, *launched):
            if child not in sessions or child in started:
                why = "was started before" if child in started else "is no session here"
                problem = f"starts {shown(child)}, which {why}; allowed: each session once"
                problems.add(TraceError(*session.place, "turns", problem))
            started.add(child)
    return started


def _unfold(root: Session, sessions: Mapping[str, Session]) -> tuple[list[_Node], list[dict[int, str]]]:
    """The turns of a program, and what each waits for: indices of turns, with tools."""
    nodes: list[_Node] = []
    parents: list[dict[int, str]] = []
    joins: list[tuple[int, int, str]] = []  # first turn of a session, turn of it that waits, and for which session
    last: dict[str, int] = {}
    ready: list[tuple[Session, int, bool, bool]] = [(root, -1, False, False)]
    while ready:
        session, origin, is_fork, is_spawned = ready.pop()
        if session.name in last:
            continue
        first = len(nodes)
        for at, turn in enumerate(session.turns):
            context = first + at - 1 if at else origin if is_fork else -1
            nodes.append(_Node(session, at, context, is_spawned))
            parents.append({first + at - 1: "tool" if turn.roles[-1] == "tool" else "user"} if at else {})
            for launch in turn.launches:
                if launch.child in sessions:
                    ready.append((sessions[launch.child], first + at, launch.is_fork, is_spawned or not launch.is_fork))
                    joins += [(first + at, first + launch.join_at, launch.child)] if launch.join_at >= 0 else []
        if origin >= 0:
            parents[first] = {origin: "agent"}
        last[session.name] = len(nodes) - 1
        ready += [(sessions[child], -1, False, True) for child in session.before if child in sessions]
    for started_at, join, child in joins:
        parents[join][last[child]] = "agent"
        if started_at == join - 1:
            parents[join].pop(started_at, None)  # waiting for what it started is waiting for it
    return nodes, parents
