"""Tool calls between turns (semantics, "Programs, turns, gaps")."""

from collections.abc import Callable

from agentsim_env.workload.programs import Programs
from tests.reference.events import Events, Kind


class ToolServer:
    """Places for calls of one kind, and the (edge, since) that wait for one, first in first out."""

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.running: list[int] = []
        self.queue: list[tuple[int, float]] = []


class Tools:
    """Runs the edges of ended turns.

    Args:
        programs: The workload.
        events: The clock.
        waited: Called with (edge, since, until) when a call has waited in a queue.
    """

    def __init__(self, programs: Programs, events: Events, waited: Callable[[int, float, float], None]) -> None:
        self.programs = programs
        self.events = events
        self.waited = waited
        self.servers = [ToolServer(tool.concurrency) for tool in programs.tools]
        self.attempts_ended: dict[int, int] = {}

    def gap_s(self, edge: int) -> float:
        return float(self.programs.edge["gap_s"][edge])

    def failures(self, edge: int) -> int:
        return int(self.programs.edge["failures"][edge])

    def backoff_s(self, edge: int, attempt: int) -> float:
        return self.programs.tools[self.programs.edge["tool"][edge]].backoff_s * 2**attempt

    def start(self, edge: int, now: float) -> None:
        """The turn before the edge has ended."""
        if self.server(edge).concurrency > 0:
            self.ask(edge, now)
            return
        failures = self.failures(edge)
        done_s = now + self.gap_s(edge) * (failures + 1)
        for attempt in range(failures):
            done_s += self.backoff_s(edge, attempt)
        self.events.push(done_s, Kind.EDGE_DONE, edge)

    def ask(self, edge: int, now: float) -> None:
        """Take a free place or the tail of the queue; a retry does so too."""
        server = self.server(edge)
        if len(server.running) < server.concurrency:
            self.run(edge, now)
        else:
            server.queue.append((edge, now))

    def stop(self, now: float) -> None:
        """The episode is over: calls that are still in a queue have waited until now."""
        for server in self.servers:
            for edge, since in server.queue:
                self.waited(edge, since, now)

    def end_attempt(self, edge: int, now: float) -> None:
        """An attempt ends: the next in the queue starts, then the call backs off or is done."""
        server = self.server(edge)
        server.running.remove(edge)
        if server.queue:
            following, since = server.queue.pop(0)
            self.waited(following, since, now)
            self.run(following, now)
        ended = self.attempts_ended.get(edge, 0) + 1
        self.attempts_ended[edge] = ended
        if ended <= self.failures(edge):
            self.events.push(now + self.backoff_s(edge, ended - 1), Kind.TOOL_RETRY, edge)
        else:
            self.events.push(now, Kind.EDGE_DONE, edge)

    def run(self, edge: int, now: float) -> None:
        self.server(edge).running.append(edge)
        self.events.push(now + self.gap_s(edge), Kind.TOOL_END, edge)

    def server(self, edge: int) -> ToolServer:
        return self.servers[self.programs.edge["tool"][edge]]
