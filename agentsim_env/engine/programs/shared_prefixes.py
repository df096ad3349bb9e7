"""Which programs begin with the same prompt: what a gateway sees of it, before anything runs."""

import numpy as np

from agentsim_env.engine.core.state import NONE, PREFIX
from agentsim_env.workload.programs import Programs


def shared_prefixes(programs: Programs) -> np.ndarray:
    """The deepest segment of each program's first prompt that another program's has too, `PREFIX [programs]`."""
    users = np.zeros(len(programs.segment), np.int64)
    paths = [_path(programs, int(first)) for first in programs.program["first_turn"]]
    for path in paths:
        users[path] += 1
    prefix = np.zeros(len(paths), PREFIX)
    segment = prefix["segment"]
    for p, path in enumerate(paths):
        segment[p] = next((s for s in path if users[s] > 1), NONE)
    rows = programs.segment[np.maximum(segment, 0)]
    ends = (rows["start_block"] + rows["n_blocks"]) * programs.block_size
    prompts = programs.turn["prompt_tokens"][programs.program["first_turn"]]
    prefix["tokens"] = np.where(segment == NONE, 0, np.minimum(ends, prompts))
    return prefix


def _path(programs: Programs, turn: int) -> list[int]:
    """Segments of a turn's path, the deepest first."""
    segment, path = int(programs.turn["segment"][turn]), []
    while segment >= 0:
        path.append(segment)
        segment = int(programs.segment["parent"][segment])
    return path
