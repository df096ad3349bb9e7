"""The workload: which programs run, and when they arrive."""

import math
import os
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, PrivateAttr, SerializeAsAny, ValidationInfo, field_validator, model_validator

from agentsim_env.fields.base import (
    Flag,
    Line,
    Part,
    PositiveAmount,
    PositiveNumber,
    Probability,
    Retries,
    Seconds,
    Text,
    WholeNumber,
)
from agentsim_env.fields.problems import not_allowed, not_known
from agentsim_env.limits import LONGEST_S
from agentsim_env.scenario import registries
from agentsim_env.scenario.arrivals import Arrivals, TraceTimes
from agentsim_env.scenario.errors import MissingTraceError


class MixEntry(Part):
    """One family of synthetic programs in the mix."""

    family: Text
    """Family of programs, by name."""

    weight: PositiveAmount = 1.0
    """Share of the programs, relative to the other entries of the mix."""

    tenant: Line = "default"
    """Whose programs they are."""

    params: SerializeAsAny[BaseModel] = Field(default={}, validate_default=True)
    """Parameters of the family; what is not given keeps the family's measured default."""

    @field_validator("family")
    @classmethod
    def _family_exists(cls, family: str) -> str:
        families = registries.families()
        if family not in families:
            raise not_known("family", family, families)
        return family

    @field_validator("params", mode="before")
    @classmethod
    def _params_of_family(cls, params: Any, info: ValidationInfo) -> BaseModel:
        # Without a valid family there is nothing to check against, and the family's own error says so.
        family = info.data.get("family")
        return registries.families()[family].params.model_validate(params) if family else Part()


class TraceSource(Part):
    """Recorded programs."""

    path: Line
    """File or folder, relative to the scenario's file; in an override, to the working directory."""

    format: Text = "auto"
    """Format of the trace, by name; `auto` tells it from the content."""

    skip_bad_lines: Flag = False
    """Count broken lines and go on; else the first one is an error."""

    trace_block_tokens: PositiveNumber | None = None
    """Tokens that one id of a block hash stands for; `null`: what the format prescribes."""

    sessions: Literal["named", "rebuilt"] | None = None
    """Which requests of a trace follow up others: `named`, those that it says; `rebuilt`, those whose ids begin as an
    earlier request's do, whatever it says. `null`: named if the trace names any, else rebuilt."""

    message_mode: Literal["history", "delta"] | None = None
    """What the prompt of a later request of a session is: `history`, all of it; `delta`, what is new since the answer
    before. `null`: history, unless a request says itself."""

    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    """Unit of the times whose field does not name it; `null`: the format's own, refused where it cannot be right."""

    max_bytes: PositiveNumber | None = None
    """Bytes that the trace may take, unpacked and all files together; `null`: 1 GiB, some million requests."""

    max_turns: PositiveNumber | None = None
    """Turns of a program at most; it ends before the first one beyond. `null`: no limit."""

    max_context_tokens: PositiveNumber | None = None
    """Longest context, prompt and output together: a program ends before its first turn that exceeds it, and is left
    out if that is its first one. `null`: no limit; programs with a turn that no instance accepts then fail."""

    speedup: PositiveAmount = 1.0
    """Recorded arrival times are divided by this. Only for arrivals at the times of the trace."""

    _given_in: str = PrivateAttr(default="scenario")

    @property
    def given_in(self) -> str:
        """The file and line, or the override, that names the path."""
        return self._given_in

    def as_given_in(self, place: str) -> Self:
        """This trace, with the place that names it."""
        self._given_in = place
        return self

    def __eq__(self, other: object) -> bool:
        """Whether all values are equal, wherever they came from."""
        return type(other) is type(self) and vars(other) == vars(self)

    def check_exists(self) -> None:
        """Refuses a path that leads nowhere; a scenario may be read without its trace, but not run.

        Raises:
            MissingTraceError: It names the place that gives the path.
        """
        if not os.path.exists(self.path):
            raise MissingTraceError(f"{self.given_in}: workload.trace.path = {self.path!r}: no such file or folder")

    @field_validator("format")
    @classmethod
    def _format_exists(cls, name: str) -> str:
        if name != "auto" and name not in registries.trace_formats():
            raise not_known("trace format", name, ("auto", *registries.trace_formats()))
        return name


class ToolServer(Part):
    """How calls of one tool are served, all programs together."""

    concurrency: WholeNumber = 0
    """Calls that run at once, others queue; 0: no limit and no queue."""

    failure_probability: Probability = 0.0
    """Chance that an attempt fails, drawn from the seed."""

    max_retries: Retries = 0
    """Failed attempts of one call at most; the attempt after that succeeds."""

    backoff_s: Seconds = 0.0
    """Wait before the first retry; doubles with each further one."""

    @model_validator(mode="after")
    def _failures_have_retries(self) -> Self:
        if self.failure_probability > 0 and self.max_retries == 0:
            reason = "must be at least 1 where failure_probability is above 0: a call ends with a success"
            raise not_allowed(reason, self.max_retries, ["max_retries"])
        waits_s = self.backoff_s * (2.0**self.max_retries - 1.0)
        if waits_s > LONGEST_S:
            most = int(math.log2(LONGEST_S / self.backoff_s + 1.0))
            reason = f"must be at most {most} with a backoff_s of {self.backoff_s:g} that doubles: the clock ends then"
            raise not_allowed(reason, self.max_retries, ["max_retries"])
        return self


class Workload(Part):
    """Programs, synthetic (`mix`) or recorded (`trace`), their arrivals and the tools that they call."""

    mix: Annotated[tuple[MixEntry, ...], Field(min_length=1, strict=False)] | None = None
    """Families of synthetic programs; either this or `trace`."""

    trace: TraceSource | None = None
    """Recorded programs; either this or `mix`."""

    arrivals: Arrivals
    """When programs arrive."""

    reuse_generated: Flag = True
    """Generated tokens are cache for the next turn. Off for agents that strip reasoning or tokenise the text again."""

    strict: Flag = False
    """Whether a program that fits on no instance is an error before anything is simulated; else it fails at its first
    turn that no instance takes, and is counted. That no program fits is always an error."""

    tools: dict[Text, ToolServer] = Field(default={})
    """Servers of tools, by the name of the tool; a tool without an entry runs every call at once and never fails."""

    @property
    def reports(self) -> bool:
        """Whether some of its programs say when they call next."""
        return any(getattr(entry.params, "reports", False) for entry in self.mix or ())

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.mix is None) == (self.trace is None):
            given = "neither" if self.mix is None else "both"
            raise not_allowed(f"give exactly one of mix and trace, not {given}", None, ["mix"])
        return self

    @model_validator(mode="after")
    def _servers_have_callers(self) -> Self:
        if self.mix is None:
            return self
        called = {name for entry in self.mix for name in getattr(entry.params, "tool_names", ())}
        for name in self.tools:
            if name not in called:
                raise not_known("tool, which no family of the mix calls", name, called, ["tools", name])
        return self

    @model_validator(mode="after")
    def _trace_times_need_trace(self) -> Self:
        at_trace_times = isinstance(self.arrivals, TraceTimes)
        if at_trace_times and self.trace is None:
            raise not_allowed("'trace' needs workload.trace", "trace", ["arrivals", "process"])
        if not at_trace_times and self.trace is not None and self.trace.speedup != 1.0:
            reason = "must be 1 unless arrivals.process is 'trace': recorded times are not used"
            raise not_allowed(reason, self.trace.speedup, ["trace", "speedup"])
        return self
