"""Requests that follow each other with nothing but arrival times between them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agentsim_env.workload.traces.build import TraceBuilder
from agentsim_env.workload.traces.options import ServiceEstimate
from agentsim_env.workload.traces.sessions import session_roots
from agentsim_env.workload.traces.trie import PrefixTrie


class ChatRequest(NamedTuple):
    """One request of a trace of chats.

    Attributes:
        arrival_s: Arrival; NaN if only `delay_s` is known.
        prompt_tokens: Prompt.
        output_tokens: Output.
        ids: Ids of the prompt's blocks, None if unknown.
        session: Name of the session, empty if the trace does not name it.
        delay_s: Gap since the end of the session's previous request, NaN if unknown.
        family: Kind of request.
        is_delta: The prompt is only what is new since the session's answer before.
    """

    arrival_s: float
    prompt_tokens: int
    output_tokens: int
    ids: np.ndarray | None = None
    session: str = ""
    delay_s: float = math.nan
    family: str = "chat"
    is_delta: bool = False


def add_sessions(
    builder: TraceBuilder,
    requests: Sequence[ChatRequest],
    parents: Sequence[int],
    trie: PrefixTrie | None,
    service: ServiceEstimate,
) -> None:
    """Adds a program for each session; a session is a tree of requests, nearly always a chain.

    The gap before a follow-up is the recorded delay, or else the difference of the arrivals minus the estimated
    service time of the request before, at least 0.

    Args:
        builder: Where the programs go.
        requests: Requests, each after the one it follows up.
        parents: Index of the request that each one follows up, -1 for none.
        trie: Scope of the ids, None if there are none.
        service: Estimate of the traced system's service time.
    """
    sessions: dict[int, list[int]] = {}
    for request, root in enumerate(session_roots(parents)):
        sessions.setdefault(root, []).append(request)
    turn_of: dict[int, int] = {}
    for root, members in sessions.items():
        builder.program(requests[root].arrival_s, family=requests[root].family)
        for member in members:
            request, parent = requests[member], parents[member]
            before = (turn_of[parent],) if parent >= 0 else ()
            turn_of[member] = builder.turn(
                request.prompt_tokens, request.output_tokens, ids=request.ids, trie=trie, extends=before
            )
            if parent >= 0:
                gap_s = _gap_s(requests[parent], request, service)
                builder.edge(turn_of[parent], turn_of[member], gap_s, "user")


def _gap_s(before: ChatRequest, after: ChatRequest, service: ServiceEstimate) -> float:
    """Seconds from the end of a request to its follow-up."""
    if not math.isnan(after.delay_s):
        return after.delay_s
    served_s = service.service_s(before.prompt_tokens, before.output_tokens)
    gap_s = after.arrival_s - before.arrival_s - served_s
    return max(0.0, gap_s) if not math.isnan(gap_s) else 0.0
