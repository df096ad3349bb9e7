"""What a trace is, in numbers and as a picture, before anyone simulates it: the command `agentsim traces`."""

from agentsim_env.workload.traces.summary.numbers import Spread, Summary, Waits, summarize

__all__ = ["Spread", "Summary", "Waits", "summarize"]
