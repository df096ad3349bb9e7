"""What the blocks of an instance are held for, over time (semantics, "KV token-seconds"): added up change by change."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.reference.batch.instance import Instance
    from tests.reference.programs.turn import Turn


@dataclass
class KVTime:
    """Block-seconds of one instance.

    Attributes:
        prefill: In use, by prefills of what their programs had not computed before.
        decode: In use by decodes.
        recompute: In use by prefills of what had been computed before.
        moving: In use by transfers while nothing runs.
        reused: Idle until a turn locked them again.
        wasted: Idle until they were dropped, or to the end.
        idle: All that was idle or pinned, whatever became of it.
        unused: Free.
        at_s: Up to when.
    """

    prefill: float = 0.0
    decode: float = 0.0
    recompute: float = 0.0
    moving: float = 0.0
    reused: float = 0.0
    wasted: float = 0.0
    idle: float = 0.0
    unused: float = 0.0
    at_s: float = 0.0

    def charge(self, instance: "Instance", now: float) -> None:
        """Account for the time since the last call, in which nothing has changed."""
        pool, lasted_s = instance.pool, now - self.at_s
        self.at_s = now
        self.unused += pool.free * lasted_s
        self.idle += (pool.idle + pool.pinned) * lasted_s
        block_s = (pool.locked + pool.owned) * lasted_s
        if not instance.running:
            self.moving += block_s
            return
        held = {turn.id: held_tokens(turn, instance.decodes_now(turn)) for turn in instance.running}
        for turn in instance.running:
            part = block_s * held[turn.id] / sum(held.values())
            if turn.decoding:
                self.decode += part
            else:
                self.recompute += part * share_again(turn)
                self.prefill += part * (1.0 - share_again(turn))

    def add(self, kind: str, blocks: int, since_s: float) -> None:
        """An idle time ends now."""
        setattr(self, kind, getattr(self, kind) + blocks * (self.at_s - since_s))

    @property
    def row(self) -> tuple[float, ...]:
        """By what for, except what is not used at all."""
        return (self.prefill, self.decode, self.recompute, self.moving, self.reused, self.wasted, self.idle)


def held_tokens(turn: "Turn", decodes: bool) -> int:
    """KV tokens of a running turn once the iteration in flight is computed, in which it may decode."""
    return turn.kv_tokens + turn.in_flight + decodes


def share_again(turn: "Turn") -> float:
    """Share of its prefill tokens, up to the end of this prefill, that its program had computed before."""
    tokens = turn.computed_tokens + turn.target - turn.computed
    return max(0, tokens - turn.new) / tokens
