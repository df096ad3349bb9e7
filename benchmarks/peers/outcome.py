"""What a simulator has made of the trace."""

from collections.abc import Mapping
from typing import NamedTuple


class Outcome(NamedTuple):
    """What a simulator has made of the trace.

    Attributes:
        turns: Turns that were served.
        prompt_tokens: Tokens of their prompts.
        output_tokens: Tokens that they generated.
        turns_per_s: Turns per second of the replay alone, reading and starting apart, in each run.
        command_s: Seconds of wall time from nothing to the figures.
        mean_jct_s: Mean time from the arrival of a program to its end.
        mean_ttft_s: Mean time from when a turn is ready to its first token.
        mean_tpot_s: Mean time of a token after the first, the mean over turns.
        hit_rate: Share of the prompt tokens that were in the prefix cache when a turn was first admitted.
    """

    turns: int
    prompt_tokens: int
    output_tokens: int
    turns_per_s: list[float]
    command_s: float
    mean_jct_s: float
    mean_ttft_s: float
    mean_tpot_s: float
    hit_rate: float

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> "Outcome":
        """What `_asdict` has made."""
        return cls(**content)  # pyright: ignore[reportArgumentType]


COUNTS = ("turns", "prompt_tokens", "output_tokens")
"""What has to be equal."""
