"""The longest contexts that instances can hold: what no instance takes can never be served."""

from collections.abc import Sequence
from typing import Protocol


class Limited(Protocol):
    """What limits the contexts of an instance (`agentsim_env.hardware.engines.Engine`)."""

    @property
    def kv_blocks(self) -> int:
        """KV blocks of its pool."""
        ...

    @property
    def max_model_len_tokens(self) -> int:
        """Longest context that its engine accepts."""
        ...

    @property
    def mode(self) -> str:
        """How it shares the GPU between prefill and decode."""
        ...


def held_tokens(engine: Limited, block_size: int) -> int:
    """Longest context, prompt and output together, that the KV pool of an instance and its engine can hold."""
    return min(engine.max_model_len_tokens, engine.kv_blocks * block_size)


def taken_tokens(engines: Sequence[Limited], block_size: int) -> list[int]:
    """Longest context that each instance takes, in tokens.

    What is prefilled on an instance that does only this has to find a place on one that decodes.
    """
    held = [held_tokens(engine, block_size) for engine in engines]
    decoding = [tokens for tokens, engine in zip(held, engines, strict=True) if engine.mode == "decode"]
    return [
        min(tokens, max(decoding)) if engine.mode == "prefill" else tokens
        for tokens, engine in zip(held, engines, strict=True)
    ]


def longest_context_tokens(engines: Sequence[Limited], block_size: int) -> int:
    """Longest context that a turn can have; a program fails at one that is longer."""
    taken = taken_tokens(engines, block_size)
    return max(tokens for tokens, engine in zip(taken, engines, strict=True) if engine.mode != "decode")
