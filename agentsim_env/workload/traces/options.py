"""What a caller can ask of every reader."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ServiceEstimate:
    """How long the traced system took to serve a request, for traces that record arrivals only.

    The gap between two turns is the difference of their arrivals minus this estimate of the first one's service. The
    defaults are the least-squares fit of the recorded `api_time` of 41,230 requests of the public Claude Code trace
    (callanjfox/kv-cache-tester @ 94f6046d) on output and prompt tokens: the vendor's servers, prefix cache warm.

    Attributes:
        base_s: Seconds per request.
        per_output_token_s: Seconds per generated token.
        per_prompt_token_s: Seconds per prompt token.
    """

    base_s: float = 1.11
    per_output_token_s: float = 0.0153
    per_prompt_token_s: float = 1.58e-5

    def __post_init__(self) -> None:
        """Refuses negative times."""
        for name in ("base_s", "per_output_token_s", "per_prompt_token_s"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"ServiceEstimate.{name} is {getattr(self, name)}; allowed: finite, at least 0")

    def service_s(self, prompt_tokens: int, output_tokens: int) -> float:
        """Estimated seconds from the arrival of a request to its last token."""
        return self.base_s + self.per_output_token_s * output_tokens + self.per_prompt_token_s * prompt_tokens


SESSIONS = ("named", "rebuilt")
MESSAGE_MODES = ("history", "delta")
TIME_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""How many of each unit a second has."""


@dataclass(frozen=True)
class ReadOptions:
    """Options of `read_trace` that readers see.

    Attributes:
        block_size: Tokens in a KV block of the simulated engines.
        skip_bad_lines: Count broken lines instead of raising at the first.
        reuse_generated: Generated tokens are cache for the session's next turn where the lengths allow it.
        trace_block_tokens: Tokens that one id of `hash_ids` stands for; None for the format's own size.
        service: Estimate of the traced system's service time.
        sessions: `named`: those that the trace names, every other request alone; `rebuilt`: from the ids, whatever it
            names; None: named if it names any, else rebuilt.
        message_mode: What the prompt of a later request of a session says: `history` the whole of it, `delta` what is
            new since the answer before. None: `history`, unless a request says itself what it is.
        time_unit: Unit of times whose field does not name it, one of `TIME_UNITS`; None for the format's own.
        max_bytes: Bytes that the trace may take, unpacked; None for `opening.MAX_BYTES`.
    """

    block_size: int = 16
    skip_bad_lines: bool = False
    reuse_generated: bool = True
    trace_block_tokens: int | None = None
    service: ServiceEstimate = field(default_factory=ServiceEstimate)
    sessions: str | None = None
    message_mode: str | None = None
    time_unit: str | None = None
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        """Refuses names that are not known, and sizes below one."""
        for name, allowed in (("sessions", SESSIONS), ("message_mode", MESSAGE_MODES), ("time_unit", TIME_UNITS)):
            value = getattr(self, name)
            if value is not None and value not in allowed:
                raise ValueError(f"{name} is {value!r}; allowed: {', '.join(allowed)}")
        if self.max_bytes is not None and self.max_bytes < 1:
            raise ValueError(f"max_bytes is {self.max_bytes}; allowed: at least 1, or None")
        if self.block_size < 1:
            raise ValueError(f"block_size is {self.block_size}; allowed: at least 1 token")
        if self.trace_block_tokens is not None and self.trace_block_tokens < 1:
            raise ValueError(f"trace_block_tokens is {self.trace_block_tokens}; allowed: at least 1 token, or None")
