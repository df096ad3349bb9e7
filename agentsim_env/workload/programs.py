"""The drawn workload: programs, turns, edges and the segment forest, as arrays.

`Programs` is what every source of work (a synthetic family, a trace, an exported file) is compiled to, and the only
workload that the engine and the reference simulator read.
"""

from typing import NamedTuple

import numpy as np

PROGRAM = np.dtype(
    [
        ("arrival_s", "f8"),  # time of arrival; with `after` >= 0, the delay after the end of that program
        ("deadline_s", "f8"),  # absolute deadline, inf for none
        ("after", "i4"),  # program whose end starts this one (closed loop), -1 for none
        ("first_turn", "i4"),  # turns are first_turn .. first_turn + n_turns - 1, in topological order
        ("n_turns", "i4"),
        ("family", "i2"),  # index into Programs.families
        ("tenant", "i2"),  # index into Programs.tenants
    ],
    align=True,
)

TURN = np.dtype(
    [
        ("program", "i4"),
        ("segment", "i4"),  # leaf of the context path; the path covers prompt and output
        ("prompt_tokens", "i4"),  # whole prompt: earlier context plus new_tokens
        ("new_tokens", "i4"),  # tokens that no earlier turn of the program has brought or generated
        ("output_tokens", "i4"),  # tokens to generate, at least 1
        ("first_edge", "i4"),  # outgoing edges are first_edge .. first_edge + n_edges - 1
        ("n_edges", "i2"),
        ("n_parents", "i2"),  # incoming edges; 0 for a root, which is ready when its program is admitted
    ],
    align=True,
)

EDGE = np.dtype(
    [
        ("gap_s", "f8"),  # run time of one attempt of the tool, or a human's think time
        ("target", "i4"),  # turn that waits for this edge
        ("tool", "i2"),  # index into Programs.tools
        ("failures", "i2"),  # failed attempts before the one that succeeds
    ],
    align=True,
)

SEGMENT = np.dtype(
    [
        ("parent", "i4"),  # -1 for a root
        ("start_block", "i4"),  # blocks on the path before this segment
        ("n_blocks", "i4"),
    ],
    align=True,
)


class Tool(NamedTuple):
    """A kind of tool call.

    Attributes:
        name: Name, as it is shown to agents and in records.
        concurrency: Calls that its server runs at once; 0 means no limit (no queue).
        backoff_s: Wait before the first retry of a failed attempt; doubles with each further retry.
    """

    name: str
    concurrency: int = 0
    backoff_s: float = 0.0


class Programs(NamedTuple):
    """A drawn workload.

    Attributes:
        program: `PROGRAM` array; entries with `after == -1` are sorted by `arrival_s`.
        turn: `TURN` array; the turns of a program are contiguous and topologically sorted.
        edge: `EDGE` array; the edges of a turn are contiguous, in the order of the turns.
        segment: `SEGMENT` array; a parent comes before its children.
        block_size: Tokens in a KV block.
        tools: Tool kinds that `EDGE.tool` refers to.
        families: Names that `PROGRAM.family` refers to.
        tenants: Names that `PROGRAM.tenant` refers to.
    """

    program: np.ndarray
    turn: np.ndarray
    edge: np.ndarray
    segment: np.ndarray
    block_size: int
    tools: tuple[Tool, ...]
    families: tuple[str, ...]
    tenants: tuple[str, ...] = ("default",)


def longest_contexts(programs: Programs) -> np.ndarray:
    """Longest context of each program, prompt and output together, in tokens, `int64 [programs]`."""
    turn = programs.turn
    tokens = turn["prompt_tokens"].astype(np.int64) + turn["output_tokens"]
    return np.maximum.reduceat(tokens, programs.program["first_turn"])
