"""A turn on its way through the cluster (semantics, "Segments, blocks, hits" and "Records")."""

import math
from dataclasses import dataclass, field

from tests.reference.residency.segments import Path


@dataclass(eq=False)
class Turn:
    """A turn, from its routing to its end.

    Attributes:
        new: Tokens of the prompt that no earlier turn of its program brought or generated.
        target: Tokens to prefill: the prompt and what was generated before the turn joined the queue.
        expected: Prefill tokens that it was expected to need when it last joined a queue.
        demand: Blocks that it was expected to add to those in use.
        computed: Tokens of the target whose KV is found or scheduled.
        in_flight: Of these, those that a prefill lane computes now: others do not find them yet.
        decoding: The prefill has ended.
        owned: Blocks that are not published.
        locked: Segments that it locks, a prefix of its path.
        loading: Its prefix, or its adapter, is being brought up.
        lacked_adapter: It has had to wait for its adapter since it joined the queue.
        handed: Its prefill has ended on another instance, and it has not joined a batch since.
        kept: Segments that a prefill instance locks for it until they have been moved.
        kept_at: That instance.
        stay: Which stay in a batch this is: "first", "moved" (it was handed over) or "returned".
        moves: Times that it went on to a decode instance.
        step: Step of its society before which it is not ready, -1 for none.
        arriving: It is ready and passes the gateway.
        refused: No instance can ever hold it.
        asked_tokens: Prefill positions reached in earlier stays in a batch; hit + computed tokens must equal it.
    """

    id: int
    program: int
    path: Path
    prompt: int
    output: int
    generated: int = 0
    target: int = 0
    expected: int = 0
    demand: int = 0
    new: int = 0
    computed: int = 0
    in_flight: int = 0
    decoding: bool = False
    owned: int = 0
    locked: list[int] = field(default_factory=list)
    ready_s: float = math.nan
    routed_s: float = math.nan
    scheduled_s: float = math.nan
    first_token_s: float = math.nan
    end_s: float = math.nan
    hit_tokens: int = 0
    readmission_hit_tokens: int = 0
    readmission_lookup_tokens: int = 0
    computed_tokens: int = 0
    asked_tokens: int = 0
    preemptions: int = 0
    handed: bool = False
    kept: list[int] = field(default_factory=list)
    kept_at: int = -1
    moves: int = 0
    stay: str = "first"
    loading: bool = False
    step: int = -1
    lacked_adapter: bool = False
    arriving: bool = False
    refused: bool = False
    instance: int = -1

    @property
    def all_hits(self) -> int:
        """Prefill tokens found in all its stays."""
        return self.hit_tokens + self.readmission_hit_tokens

    @property
    def here(self) -> bool:
        """It is ready, has passed the gateway and has not been refused."""
        return not (math.isnan(self.ready_s) or self.arriving or self.refused)

    @property
    def has_ended(self) -> bool:
        return not math.isnan(self.end_s)

    @property
    def service_s(self) -> float:
        """From its first scheduling to its end."""
        return self.end_s - self.scheduled_s

    @property
    def kv_tokens(self) -> int:
        """Tokens whose KV exists: a decode's last token has none yet."""
        return self.prompt + self.generated - 1 if self.decoding else self.computed - self.in_flight

    def start_over(self) -> None:
        """Go back to a queue: what was generated stays and is prefilled again."""
        self.target = self.prompt + self.generated
        self.computed = self.in_flight = 0
        self.decoding = False
        self.owned = 0
        self.locked = []
