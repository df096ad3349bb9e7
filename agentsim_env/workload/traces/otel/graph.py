"""Which calls a call waited for, from their times and from what their messages hold.

inference-perf's rules, with barriers: a call follows up the calls whose answers its prompt holds (causal), the latest
that had ended (temporal), and all that had ended and that no other call followed up (a fan-in through a message of
another's words). Calls of an agent that still runs are not waited for by those outside it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agentsim_env.workload.traces.otel.spans import Call


class Agent(NamedTuple):
    """A run of an agent that is around a call."""

    span_id: str
    end_ns: int


class Caller(NamedTuple):
    """A call with the runs of agents around it, the innermost first."""

    call: Call
    agents: tuple[Agent, ...]


def predecessors(callers: Sequence[Caller]) -> list[list[int]]:
    """The calls that each call of a session waits for; none for those that start with it.

    Args:
        callers: Calls in the order of their starts.

    Returns:
        Indices for each call, the latest first, without those that another of them waits for anyway.
    """
    spoken = _Spoken()
    above: list[int] = []  # ancestors of each call, as a set of bits
    childless: set[int] = set()
    found: list[list[int]] = []
    for at, caller in enumerate(callers):
        latest = next((other for other in range(at - 1, -1, -1) if _waits_for(caller, callers[other])), None)
        fan_in = {other for other in childless if _waits_for(caller, callers[other])}
        candidates = fan_in.union(spoken.causes(caller.call), () if latest is None else (latest,))
        kept: list[int] = []
        reached = 0
        for other in sorted(candidates, reverse=True):
            if not reached >> other & 1:
                kept.append(other)
                reached |= above[other] | 1 << other
        found.append(kept)
        above.append(reached)
        childless.difference_update(kept)
        childless.add(at)
        spoken.add(at, caller.call)
    return found


def _waits_for(caller: Caller, earlier: Caller) -> bool:
    """Whether an earlier call had ended, and every agent around it that is not around the caller too."""
    start_ns = caller.call.start_ns
    if earlier.call.end_ns > start_ns:
        return False
    return all(agent.end_ns <= start_ns or agent in caller.agents for agent in earlier.agents)


class _Spoken:
    """The answers so far."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._by_part: dict[bytes, list[int]] = {}
        self._by_tool_call: dict[str, int] = {}

    def add(self, at: int, call: Call) -> None:
        """Adds the answer of the call with this index."""
        self._calls.append(call)
        for part in call.content.answer_parts:
            self._by_part.setdefault(part, []).append(at)
        for tool_call in call.content.answer_calls:
            self._by_tool_call[tool_call] = at

    def causes(self, call: Call) -> Iterator[int]:
        """The calls that had ended and whose answers, or all of whose tool calls, the prompt of `call` holds."""
        content = call.content
        for part in content.said:
            for at in reversed(self._by_part.get(part, ())):
                if self._calls[at].content.answer_parts <= content.said and self._calls[at].end_ns <= call.start_ns:
                    yield at
                    break
        for name in content.called:
            at = self._by_tool_call.get(name, -1)
            if at < 0 or self._calls[at].end_ns > call.start_ns:
                continue
            if self._calls[at].content.answer_calls <= content.called.keys():
                yield at
