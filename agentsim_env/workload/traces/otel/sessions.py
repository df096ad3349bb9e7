"""From the spans of a trace to its sessions, and from sessions to programs."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agentsim_env.workload.traces.build import TraceBuilder
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.otel.graph import Agent, Caller, predecessors
from agentsim_env.workload.traces.otel.spans import AgentRun, Call, Span, ToolRun
from agentsim_env.workload.traces.texts import MessageTree
from agentsim_env.workload.traces.trie import PrefixTrie


class Spans:
    """The spans of one trace id, in any order."""

    def __init__(self) -> None:
        """Starts with none."""
        self.calls: list[Call] = []
        self.tools: list[tuple[str, ToolRun]] = []
        self._agents: dict[str, AgentRun] = {}
        self._parent: dict[str, str] = {}

    def add(self, span: Span) -> None:
        """Adds a span."""
        self._parent[span.span_id] = span.parent_id
        if isinstance(span.what, Call):
            self.calls.append(span.what)
        elif isinstance(span.what, ToolRun):
            self.tools.append((span.span_id, span.what))
        elif isinstance(span.what, AgentRun):
            self._agents[span.span_id] = span.what

    def agents_around(self, span_id: str) -> tuple[Agent, ...]:
        """The runs of agents around a span, the innermost first."""
        found, seen = [], {span_id}
        at = self._parent.get(span_id, "")
        while at and at not in seen:
            seen.add(at)
            if at in self._agents:
                found.append(Agent(at, self._agents[at].end_ns))
            at = self._parent.get(at, "")
        return tuple(found)

    def sessions(self) -> list["Session"]:
        """The calls by their conversations, if the trace names more than one; each with the trace's tools."""
        named = {call.session for call in self.calls if call.session}
        groups: dict[str, list[Caller]] = {}
        for call in sorted(self.calls, key=lambda call: (call.start_ns, call.span_id)):
            caller = Caller(call, self.agents_around(call.span_id))
            groups.setdefault(call.session if len(named) > 1 else "", []).append(caller)
        tools: dict[tuple[Agent, ...], list[ToolRun]] = {}
        for span_id, tool in sorted(self.tools, key=lambda named: named[1].start_ns):
            tools.setdefault(self.agents_around(span_id), []).append(tool)
        return [Session(callers, predecessors(callers), tools) for callers in groups.values()]


class Session(NamedTuple):
    """A session.

    Attributes:
        callers: Its calls, in the order of their starts.
        waits_for: Indices of the calls that each one waits for, the latest first.
        tools: Runs of tools by the agents around them, in the order of their starts.
    """

    callers: list[Caller]
    waits_for: list[list[int]]
    tools: dict[tuple[Agent, ...], list[ToolRun]]

    def wait_s(self, at: int) -> float:
        """Seconds from the end of the calls that a call waits for to its start."""
        ends_ns = [self.callers[other].call.end_ns for other in self.waits_for[at]]
        return (self.callers[at].call.start_ns - max(ends_ns)) / 1e9

    def tool(self, at: int) -> str:
        """What took the most of the wait before a call: a tool that ran, else one that was called, a user, a client."""
        call, agents = self.callers[at]
        begin_ns = max(self.callers[other].call.end_ns for other in self.waits_for[at])
        since_ns = min(self.callers[other].call.start_ns for other in self.waits_for[at])
        tools = self.tools.get(agents, [])
        first = bisect_left(tools, since_ns, key=lambda tool: tool.start_ns)
        runs = tools[first : bisect_left(tools, call.start_ns, key=lambda tool: tool.start_ns)]
        answered = [run for run in runs if run.call_id and run.call_id in call.content.last_calls]
        longest = max(
            answered or runs, key=lambda run: min(run.end_ns, call.start_ns) - max(run.start_ns, begin_ns), default=None
        )
        if longest is not None and longest.end_ns > begin_ns:
            return longest.name
        called = [call.content.called.get(name, "") for name in call.content.last_calls]
        return next(filter(None, called), "user" if call.content.last_role == "user" else "client")


class Programs:
    """Adds sessions as programs; their prompts share what messages they have in common, across sessions too.

    Attributes:
        builder: Where they go.
        late_roots: Calls that wait for none, and that started later than their sessions.
        subagent_requests: Calls inside an agent that is inside another.
        subagent_prompt_tokens: Their prompts.
        subagent_output_tokens: Their outputs.
    """

    def __init__(self, options: ReadOptions) -> None:
        """Starts with none."""
        self.builder = TraceBuilder(options)
        self.late_roots = 0
        self.subagent_requests = 0
        self.subagent_prompt_tokens = 0
        self.subagent_output_tokens = 0
        self._block_tokens = options.block_size

    def add(self, sessions: Iterable[Session]) -> None:
        """Adds all sessions of a trace."""
        sessions = list(sessions)
        contexts = _Contexts(sessions)
        trie = self.builder.scope(self._block_tokens)
        first_ns = min((session.callers[0].call.start_ns for session in sessions), default=0)
        for at, session in enumerate(sessions):
            self.builder.program((session.callers[0].call.start_ns - first_ns) / 1e9, family="otel")
            self._add_calls(session, contexts.of(at), contexts.tree, trie)

    def _add_calls(self, session: Session, contexts: list["_Context"], tree: MessageTree, trie: PrefixTrie) -> None:
        turns: list[int] = []
        for at, (caller, context) in enumerate(zip(session.callers, contexts, strict=True)):
            call = caller.call
            ids = tree.block_ids(context.path, call.prompt_tokens, self._block_tokens)
            extends = () if context.extends < 0 else (turns[context.extends],)
            turns.append(self.builder.turn(call.prompt_tokens, call.output_tokens, ids=ids, trie=trie, extends=extends))
            for other in reversed(session.waits_for[at]):
                self.builder.edge(turns[other], turns[at], session.wait_s(at), session.tool(at))
            self.late_roots += not session.waits_for[at] and call.start_ns > session.callers[0].call.start_ns
            if len(caller.agents) > 1:
                self.subagent_requests += 1
                self.subagent_prompt_tokens += call.prompt_tokens
                self.subagent_output_tokens += call.output_tokens


class _Context(NamedTuple):
    """Nodes of a call's prompt, and the call of its session (-1 for none) whose answer is the latest in it."""

    path: list[int]
    extends: int


class _Contexts:
    """The prompts of all calls in one tree, in the order of their starts.

    Without messages a prompt goes on from the latest call that it waits for, if it is at least as long.
    """

    def __init__(self, sessions: Sequence[Session]) -> None:
        self.tree = MessageTree()
        self._paths: list[list[list[int]]] = [[] for _ in sessions]
        self._extends: list[list[int]] = [[] for _ in sessions]
        self._answers: list[list[int]] = [[] for _ in sessions]
        self._answered: list[dict[int, int]] = [{} for _ in sessions]
        order = sorted(
            (caller.call.start_ns, at, index)
            for at, session in enumerate(sessions)
            for index, caller in enumerate(session.callers)
        )
        for _, at, index in order:
            self._place(at, sessions[at], index)

    def of(self, session: int) -> list[_Context]:
        """The contexts of a session's calls."""
        return [_Context(*both) for both in zip(self._paths[session], self._extends[session], strict=True)]

    def _place(self, at: int, session: Session, index: int) -> None:
        call = session.callers[index].call
        if call.content.prompt:
            path = self.tree.prompt(call.content.prompt, call.prompt_tokens)
            answered = [self._answered[at][node] for node in path if node in self._answered[at]]
            extends = answered[-1] if answered else -1
        else:
            path, extends = self._by_lengths(at, session, index)
        end_tokens = call.prompt_tokens + call.output_tokens
        answer = self.tree.answer(path, call.content.answer, end_tokens)
        answer = self.tree.private(end_tokens) if answer < 0 else answer
        self._paths[at].append(path)
        self._extends[at].append(extends)
        self._answers[at].append(answer)
        self._answered[at][answer] = index

    def _by_lengths(self, at: int, session: Session, index: int) -> tuple[list[int], int]:
        call = session.callers[index].call
        fresh = self.tree.private(call.prompt_tokens)
        if not session.waits_for[index]:
            return [fresh], -1
        latest = session.waits_for[index][0]
        before = session.callers[latest].call
        if call.prompt_tokens < before.prompt_tokens:
            return [fresh], -1
        path = self._paths[at][latest]
        if call.prompt_tokens < before.prompt_tokens + before.output_tokens:
            return [*path, fresh], -1
        return [*path, self._answers[at][latest], fresh], latest
