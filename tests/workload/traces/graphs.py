"""What tests look at in a workload: its turns, and what each waits for."""

from typing import NamedTuple

from agentsim_env.workload import Programs


class Turn(NamedTuple):
    """A turn; `waits_for` has turns of the same program, with seconds and tools."""

    prompt_tokens: int
    output_tokens: int
    new_tokens: int
    waits_for: dict[int, tuple[float, str]]


def turns_of(programs: Programs, program: int = 0) -> list[Turn]:
    """The turns of a program; they count from 0, in the order of the program."""
    first = int(programs.program["first_turn"][program])
    rows = programs.turn[first : first + int(programs.program["n_turns"][program])]
    turns = [Turn(int(row["prompt_tokens"]), int(row["output_tokens"]), int(row["new_tokens"]), {}) for row in rows]
    for at, row in enumerate(rows):
        for edge in programs.edge[row["first_edge"] : row["first_edge"] + row["n_edges"]]:
            wait = round(float(edge["gap_s"]), 6), programs.tools[edge["tool"]].name
            turns[int(edge["target"]) - first].waits_for[at] = wait
    return turns
