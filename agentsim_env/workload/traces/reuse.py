"""How much of a workload's prompts a cache could serve at best."""

import numpy as np

from agentsim_env.workload.programs import Programs


def ready_order(programs: Programs) -> np.ndarray:
    """Turns in the order in which they become ready if serving took no time.

    Returns:
        Indices of turns; ties in the order of the arrays.
    """
    ready_s = programs.program["arrival_s"][programs.turn["program"]].tolist()
    first = programs.turn["first_edge"].tolist()
    counts = programs.turn["n_edges"].tolist()
    gaps_s = (programs.edge["gap_s"] * (1 + programs.edge["failures"])).tolist()
    targets = programs.edge["target"].tolist()
    for turn, begin in enumerate(first):
        for edge in range(begin, begin + counts[turn]):
            ready_s[targets[edge]] = max(ready_s[targets[edge]], ready_s[turn] + gaps_s[edge])
    return np.argsort(ready_s, kind="stable")


def hit_blocks(
    programs: Programs, order: np.ndarray, *, generated: bool = True, per_program: bool = False
) -> np.ndarray:
    """Whole blocks of each prompt that an unbounded cache holds when the turns run in `order`, one after another.

    As in vLLM, at least one token of a prompt is always computed.

    Args:
        programs: The workload.
        order: Indices of turns.
        generated: Generated tokens stay in the cache too.
        per_program: The cache is empty whenever `order` goes on to another program.

    Returns:
        int64 array, one entry a turn (not in `order`'s order).
    """
    parent = programs.segment["parent"].tolist()
    start = programs.segment["start_block"].tolist()
    length = programs.segment["n_blocks"].tolist()
    leaf = programs.turn["segment"].tolist()
    prompt = programs.turn["prompt_tokens"].astype(np.int64)
    output = programs.turn["output_tokens"].astype(np.int64)
    most = ((prompt - 1) // programs.block_size).tolist()
    covered = ((prompt + (output - 1) * generated) // programs.block_size).tolist()
    program = programs.turn["program"].tolist() if per_program else [0] * len(leaf)
    resident = [0] * len(parent)
    touched: list[int] = []
    hits = np.zeros(len(leaf), dtype=np.int64)
    last = -1
    for turn in order.tolist():
        if program[turn] != last:
            for segment in touched:
                resident[segment] = 0
            touched, last = [], program[turn]
        path, segment = [], leaf[turn]
        while segment >= 0 and not resident[segment]:
            path.append(segment)
            segment = parent[segment]
        if segment >= 0:
            hits[turn] = min(start[segment] + resident[segment], most[turn])
            path.append(segment)
        end = covered[turn]
        for segment in path:
            resident[segment] = max(resident[segment], min(end - start[segment], length[segment]))
        if per_program:
            touched += path
    return hits


def prefix_reuse(programs: Programs, *, generated: bool = True) -> float:
    """Fraction of all prompt tokens that an unbounded cache of whole blocks would serve.

    Args:
        programs: The workload, replayed in the order of `ready_order`.
        generated: Generated tokens stay in the cache too.

    Returns:
        0 to 1; 0 for an empty workload.
    """
    total = int(programs.turn["prompt_tokens"].sum(dtype=np.int64))
    if total == 0:
        return 0.0
    hits = hit_blocks(programs, ready_order(programs), generated=generated)
    return int(hits.sum()) * programs.block_size / total
