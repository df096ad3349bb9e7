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
        ("adapter", "i4"),  # adapter (LoRA) that its turns need beside KV; programs may share one; -1 for none
        ("society", "i4"),  # programs that take steps together, index into Programs.step_s; -1 for none
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
        ("step", "i4"),  # step of its society before which it is not ready, -1 for none
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

REPORT = np.dtype(
    [
        # What a program says of its next LLM call. In a society: the number of the step in which it comes; else the
        # seconds from this report until it comes. It may be wrong: nothing but rules and observations looks at it.
        ("announced", "f8"),
        ("program", "i4"),
        ("step", "i4"),  # it is made when this step of the program's society begins; -1: after a turn
        ("turn", "i4"),  # it is made when this turn of the program ends; -1: in a step
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
        report: `REPORT` array, in any order.
        step_s: How long a step lasts at least, of each society that `PROGRAM.society` refers to, in seconds.
    """

    program: np.ndarray
    turn: np.ndarray
    edge: np.ndarray
    segment: np.ndarray
    block_size: int
    tools: tuple[Tool, ...]
    families: tuple[str, ...]
    tenants: tuple[str, ...] = ("default",)
    report: np.ndarray = np.zeros(0, REPORT)
    step_s: tuple[float, ...] = ()


ARRAYS = ("program", "turn", "edge", "segment", "report")
"""The arrays of a workload."""


def new_programs(n: int) -> np.ndarray:
    """`PROGRAM [n]` of programs that wait for no other, have no deadline and no adapter and are in no society."""
    program = np.zeros(n, PROGRAM)
    program["deadline_s"] = np.inf
    program["after"] = program["adapter"] = program["society"] = -1
    return program


def new_turns(n: int) -> np.ndarray:
    """`TURN [n]` of turns that stand in no step."""
    turn = np.zeros(n, TURN)
    turn["step"] = -1
    return turn


def longest_contexts(programs: Programs) -> np.ndarray:
    """Longest context of each program, prompt and output together, in tokens, `int64 [programs]`."""
    turn = programs.turn
    tokens = turn["prompt_tokens"].astype(np.int64) + turn["output_tokens"]
    return np.maximum.reduceat(tokens, programs.program["first_turn"])
