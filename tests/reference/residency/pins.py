"""What is kept for turns to come (semantics, "Pins")."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pin:
    """What a turn has left on an instance is kept there for the turns that follow it.

    Attributes:
        turn: The turn that has left it.
        followers: The turns that follow.
        segments: What is kept, from the root.
        made: Number of the pin; a later one is larger.
        again: The rule is asked again about it, which ends it.
    """

    turn: int
    program: int
    leaf: int
    followers: tuple[int, ...]
    segments: tuple[int, ...]
    expiry_s: float
    made: int
    again: bool = False
