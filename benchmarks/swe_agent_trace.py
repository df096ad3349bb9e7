"""SWE-agent trajectories as a trace that scenarios replay: `python -m benchmarks.swe_agent_trace COHORTS OUT`.

COHORTS is the manifest of whole trajectories that `agentsim validate` replays (`validation/programs/swe_agent.py`). It
has the prompt of each step and nothing else, so two things are assumed: of what a prompt is longer than that before it,
`ANSWER_TOKENS` were the model's answer, or half of it where it is shorter, and the rest what the tool said; and a tool
takes `TOOL_S`, the pace at which that replay sent the steps of a trajectory.
"""

import argparse
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from agentsim_env.validation.programs.swe_agent import SYSTEM_TOKENS, Trajectory, read_cohorts
from agentsim_env.workload.builder import ChainTurn, ProgramBuilder
from agentsim_env.workload.programs import Programs
from agentsim_env.workload.traces.export import write_programs

ANSWER_TOKENS = 128
TOOL_S = 7.0
BLOCK_TOKENS = 16


def programs_of(trajectories: Sequence[Trajectory]) -> Programs:
    """A program for each trajectory; all share the system prompt, and all arrive at once: a scenario says when."""
    builder = ProgramBuilder(BLOCK_TOKENS)
    system = builder.add_segment(SYSTEM_TOKENS // BLOCK_TOKENS)
    shared = SYSTEM_TOKENS // BLOCK_TOKENS * BLOCK_TOKENS
    for trajectory in trajectories:
        growth = [later - earlier for earlier, later in pairwise(trajectory)]
        answers = [max(1, min(ANSWER_TOKENS, more // 2)) for more in growth]
        said = [trajectory[0] - shared, *(more - answer for more, answer in zip(growth, answers, strict=True))]
        turns = zip(said, [*answers, ANSWER_TOKENS], strict=True)
        program = builder.add_program(arrival_s=0.0)
        builder.add_chain(program, [ChainTurn(new, out, TOOL_S, "swe_agent") for new, out in turns], parent=system)
    return builder.build()


def main() -> None:
    """Reads the command line and writes the trace."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohorts", type=Path, help="swe_agent_cohorts.jsonl")
    parser.add_argument("out", type=Path, help="a file of this package: .jsonl, .jsonl.gz or .parquet")
    given = parser.parse_args()
    cohorts = read_cohorts(given.cohorts)
    programs = programs_of([*cohorts.capped, *(one for slot in cohorts.slots for one in slot)])
    write_programs(programs, given.out)
    print(f"wrote {given.out}: {len(programs.program)} programs, {len(programs.turn)} turns")


if __name__ == "__main__":
    main()
