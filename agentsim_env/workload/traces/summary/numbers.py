"""How long, how many and how shared the turns of a workload are."""

from typing import NamedTuple

import numpy as np

from agentsim_env.workload.programs import Programs, longest_contexts

_QUANTILES = (0.05, 0.5, 0.95, 1.0)


class Spread(NamedTuple):
    """Mean and quantiles of a quantity, in its unit."""

    mean: float
    p5: float
    p50: float
    p95: float
    most: float


class Waits(NamedTuple):
    """The waits between turns that are in one tool.

    Attributes:
        tool: Its name.
        n_waits: How many.
        total_s: Their sum, in seconds.
        gap_s: Their spread, in seconds.
    """

    tool: str
    n_waits: int
    total_s: float
    gap_s: Spread


class Summary(NamedTuple):
    """What a workload is.

    Attributes:
        programs: Number of programs.
        turns: Number of turns.
        quantities: Spread of each quantity, by its name.
        waits: The waits of each tool, that with the longest sum first.
        own_reuse: Part of all prompt tokens that an earlier turn of the same program has brought or generated, 0 to 1.
        branching: Programs with turns that run side by side.
        most_started: Most turns that wait for the same one.
        most_joined: Most turns that one waits for.
        families: Programs of each family.
    """

    programs: int
    turns: int
    quantities: dict[str, Spread]
    waits: tuple[Waits, ...]
    own_reuse: float
    branching: int
    most_started: int
    most_joined: int
    families: dict[str, int]


def summarize(programs: Programs) -> Summary:
    """Sums up a workload of at least one turn."""
    program, turn, edge = programs.program, programs.turn, programs.edge
    prompt_tokens = turn["prompt_tokens"].astype(np.int64)
    by_tool = [(tool.name, edge["gap_s"][edge["tool"] == at]) for at, tool in enumerate(programs.tools)]
    waits = [Waits(name, len(gap_s), float(gap_s.sum()), spread(gap_s)) for name, gap_s in by_tool if len(gap_s)]
    side_by_side = (turn["n_edges"] > 1) | (turn["n_parents"] > 1)
    roots = np.bincount(turn["program"], weights=turn["n_parents"] == 0, minlength=len(program))
    branching = roots > 1
    branching[turn["program"][side_by_side]] = True
    families = np.bincount(program["family"], minlength=len(programs.families))
    return Summary(
        len(program),
        len(turn),
        {
            "turns per program": spread(program["n_turns"]),
            "prompt tokens": spread(prompt_tokens),
            "new tokens": spread(turn["new_tokens"]),
            "output tokens": spread(turn["output_tokens"]),
            "longest context": spread(longest_contexts(programs)),
        },
        tuple(sorted(waits, key=lambda wait: -wait.total_s)),
        1.0 - float(turn["new_tokens"].sum(dtype=np.int64) / prompt_tokens.sum()),
        int(branching.sum()),
        int(turn["n_edges"].max()),
        int(turn["n_parents"].max()),
        {name: int(count) for name, count in zip(programs.families, families, strict=True) if count},
    )


def spread(values: np.ndarray) -> Spread:
    """Mean and quantiles of at least one value."""
    return Spread(float(values.mean()), *(float(value) for value in np.quantile(values, _QUANTILES)))
