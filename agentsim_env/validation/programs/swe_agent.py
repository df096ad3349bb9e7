"""SWE-agent trajectories that slots send to an engine in turn, as programs.

Recorded actions are appended and the answers of the engine thrown away: the prompt of a step begins with the prompt of
the step before it, less the opening of its answer, whose tokens nobody asks for again. All trajectories begin with the
same system prompt. Step j of slot s is sent at (s + j * slots) / rate, whatever has been answered by then.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agentsim_env.validation.problems import ValidationError
from agentsim_env.workload.builder import ProgramBuilder
from agentsim_env.workload.programs import Programs

SYSTEM_TOKENS = 1242
OPENING_TOKENS = 3  # <|im_start|>assistant and a line feed
OUTPUT_TOKENS = 32
STEPS_PER_S = 2.0
SLOT_STEPS = 158
"""Steps of each slot where slots play whole trajectories."""

Trajectory = tuple[int, ...]
"""Prompt tokens of each step."""


class Cohorts(NamedTuple):
    """What is replayed.

    Attributes:
        capped: Trajectories that are cut after twelve steps, by session.
        slots: The whole trajectories that each slot plays, one after another.
    """

    capped: tuple[Trajectory, ...]
    slots: tuple[tuple[Trajectory, ...], ...]


class Steps(NamedTuple):
    """Programs of one request each, and for each of them the number of its step in its trajectory."""

    programs: Programs
    step: NDArray[np.int64]


def read_cohorts(file: Path) -> Cohorts:
    """Reads `swe_agent_cohorts.jsonl`.

    Raises:
        ValidationError: A line is not one of the three kinds.
    """
    capped: dict[int, Trajectory] = {}
    whole: dict[int, Trajectory] = {}
    slots: dict[int, list[int]] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            record = json.loads(line)
            if "session" in record:
                capped[record["session"]] = tuple(record["prompt_tokens"])
            elif "trajectory" in record:
                whole[record["trajectory"]] = tuple(record["prompt_tokens"])
            else:
                slots[record["slot"]] = record["trajectories"]
        except (ValueError, KeyError, TypeError) as error:
            wanted = "session or trajectory with prompt_tokens, or slot with trajectories"
            raise ValidationError(f"{file}:{number}: must be an object with {wanted}: {error}") from error
    return Cohorts(
        tuple(capped[session] for session in sorted(capped)),
        tuple(tuple(whole[name] for name in slots[slot]) for slot in sorted(slots)),
    )


def capped_steps(cohorts: Cohorts, slots: int, block_size: int) -> Steps:
    """The first `slots` capped trajectories, one for each slot."""
    return _steps([(trajectory,) for trajectory in cohorts.capped[:slots]], block_size)


def whole_steps(cohorts: Cohorts, block_size: int) -> Steps:
    """Whole trajectories, up to `SLOT_STEPS` steps of each slot."""
    return _steps(cohorts.slots, block_size)


def _steps(slots: Sequence[Sequence[Trajectory]], block_size: int) -> Steps:
    builder = ProgramBuilder(block_size)
    system = builder.add_segment(SYSTEM_TOKENS // block_size)
    sent: list[tuple[float, int, int]] = []
    for slot, trajectories in enumerate(slots):
        number = 0
        for trajectory in trajectories:
            kept = system
            for step, prompt in enumerate(trajectory[: SLOT_STEPS - number]):
                sent_s = (slot + number * len(slots)) / STEPS_PER_S
                kept = _follow(builder, kept, (prompt - OPENING_TOKENS) // block_size)
                leaf = _follow(builder, kept, -(-(prompt + OUTPUT_TOKENS) // block_size))
                program = builder.add_program(sent_s)
                builder.add_turn(program, leaf, prompt_tokens=prompt, output_tokens=OUTPUT_TOKENS)
                sent.append((sent_s, program, step))
                number += 1
    steps = np.array([step for _, _, step in sorted(sent)])
    return Steps(builder.build(), steps)


def _follow(builder: ProgramBuilder, parent: int, end_block: int) -> int:
    """A segment behind `parent` up to a block; `parent` where that is as long."""
    more = end_block - builder.end_block(parent)
    return builder.add_segment(more, parent) if more > 0 else parent
