"""The ideal JCT of a program: no schedule on the cluster can be faster.

Every turn runs on the instance that is fastest for it, never waits, and finds in the KV cache what can be there: the
segments that several programs share, and of the program's own context whatever a turn that may run earlier has
computed. Tools never queue.

All compiled functions are in this file: numba's cache does not notice a change in a file that another one calls.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from agentsim_env.engine.core.jit import allocating, compiled, entry
from agentsim_env.engine.core.state import DECODE_MODE, PREFILL_MODE
from agentsim_env.metrics.step_bounds import fleet
from agentsim_env.workload.programs import Programs

if TYPE_CHECKING:
    from agentsim_env.hardware.engines import Engine

SEGMENT, PROMPT, OUTPUT, FIRST_EDGE, N_EDGES, N_PARENTS = range(6)
PARENT, START, BLOCKS = range(3)
OVERHEAD, CPU, CPU_PER_TOKEN, SERIAL, SEQUENCES, PAIR, CHUNK_TOKEN = range(7)
NOBODY, SHARED = -1, -2


def ideal_s(programs: Programs, engines: Sequence["Engine"], frontend_s: float = 0.0) -> np.ndarray:
    """The least JCT of each program, seconds, `f8 [programs]`; NaN where a turn fits no instance.

    Args:
        programs: The workload.
        engines: The instances.
        frontend_s: Time that each turn spends in the gateway.
    """
    bounds = fleet(engines, programs.block_size)
    turn, edge, segment = programs.turn, programs.edge, programs.segment
    backoff_s = np.array([tool.backoff_s for tool in programs.tools] or [0.0])[edge["tool"]]
    attempts = edge["failures"] + 1.0
    longest_s = _ideal(
        programs.program["first_turn"].copy(),
        programs.program["n_turns"].copy(),
        _table(turn, ("segment", "prompt_tokens", "output_tokens", "first_edge", "n_edges", "n_parents")),
        edge["target"].copy(),
        edge["gap_s"] * attempts + backoff_s * (2.0 ** (attempts - 1.0) - 1.0),
        _table(segment, ("parent", "start_block", "n_blocks")),
        programs.block_size,
        frontend_s,
        *bounds,
    )
    return np.where(np.isfinite(longest_s), longest_s, np.nan)


def _table(array: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Fields as the columns of one `i4` table: a call into compiled code takes longer with every array."""
    return np.stack([array[name] for name in names], axis=1, dtype=np.int32, casting="same_kind")


@entry
@allocating
def _ideal(
    first_turn,
    n_turns,
    turn,
    target,
    delay_s,
    segment,
    block_size,
    frontend_s,
    mode,
    max_tokens,
    max_context,
    scalar,
    dense,
    decode,
):
    owner = _owners(first_turn, n_turns, turn, segment)
    published = np.zeros(len(segment), np.int32)
    ready_s = np.zeros(len(turn))
    ideal = np.zeros(len(first_turn))
    for p in range(len(first_turn)):
        first, stop = first_turn[p], first_turn[p] + n_turns[p]
        chain = _is_chain(first, stop, turn, target)
        later = np.zeros((0, 0), np.uint64) if chain else _descendants(first, stop, turn, target)
        for t in range(first, stop):
            if chain:
                blocks = _blocks_before(t, turn, segment, owner, published)
                _publish(t, turn, segment, owner, published, block_size)
            else:
                blocks = _blocks_of_others(t, first, stop, turn, segment, owner, published, later, block_size)
            end_s = ready_s[t] + frontend_s
            end_s += _service(
                turn[t, PROMPT],
                turn[t, OUTPUT],
                blocks * block_size,
                block_size,
                mode,
                max_tokens,
                max_context,
                scalar,
                dense,
                decode,
            )
            ideal[p] = max(ideal[p], end_s)
            for e in range(turn[t, FIRST_EDGE], turn[t, FIRST_EDGE] + turn[t, N_EDGES]):
                ready_s[target[e]] = max(ready_s[target[e]], end_s + delay_s[e])
    return ideal


@compiled
@allocating
def _owners(first_turn, n_turns, turn, segment):
    """The program whose turns alone use a segment, or SHARED; with a segment all its ancestors are shared."""
    owner = np.full(len(segment), NOBODY, np.int32)
    for p in range(len(first_turn)):
        for t in range(first_turn[p], first_turn[p] + n_turns[p]):
            s = turn[t, SEGMENT]
            while s >= 0 and owner[s] != p and owner[s] != SHARED:
                owner[s] = p if owner[s] == NOBODY else SHARED
                s = segment[s, PARENT]
    return owner


@compiled
@allocating
def _is_chain(first, stop, turn, target):
    """Each turn has the one before it as its only parent."""
    for t in range(first, stop):
        if turn[t, N_PARENTS] != (1 if t > first else 0) or turn[t, N_EDGES] != (1 if t < stop - 1 else 0):
            return False
        if t < stop - 1 and target[turn[t, FIRST_EDGE]] != t + 1:
            return False
    return True


@compiled
@allocating
def _descendants(first, stop, turn, target):
    """Bit sets: which turns of a program begin only after turn `first + row` has ended."""
    words = (stop - first + 63) // 64
    later = np.zeros((stop - first, words), np.uint64)
    for t in range(stop - 1, first - 1, -1):
        for e in range(turn[t, FIRST_EDGE], turn[t, FIRST_EDGE] + turn[t, N_EDGES]):
            child = target[e] - first
            later[t - first, child >> 6] |= np.uint64(1) << np.uint64(child & 63)
            for word in range(words):
                later[t - first, word] |= later[child, word]
    return later


@compiled
@allocating
def _kept_blocks(t, turn, block_size):
    """Whole blocks that a turn leaves behind: the KV of its last token is never computed."""
    return (turn[t, PROMPT] + turn[t, OUTPUT] - 1) // block_size


@compiled
@allocating
def _blocks_before(t, turn, segment, owner, published):
    """Blocks on the path of a turn that are shared or that earlier turns of its chain have left."""
    s = turn[t, SEGMENT]
    while s >= 0:
        if owner[s] == SHARED:
            return segment[s, START] + segment[s, BLOCKS]
        if published[s] > 0:
            return segment[s, START] + published[s]
        s = segment[s, PARENT]
    return 0


@compiled
@allocating
def _publish(t, turn, segment, owner, published, block_size):
    """Leave the blocks of a turn on its path; whatever is above a segment that has blocks is full."""
    blocks = _kept_blocks(t, turn, block_size)
    s = turn[t, SEGMENT]
    while s >= 0 and owner[s] != SHARED:
        had = published[s]
        published[s] = max(had, min(blocks - segment[s, START], segment[s, BLOCKS]))
        if had > 0:
            return
        s = segment[s, PARENT]


@compiled
@allocating
def _blocks_of_others(t, first, stop, turn, segment, owner, mark, later, block_size):
    """Blocks on the path of a turn that are shared or that a turn of its program which may run before it can leave."""
    blocks = 0
    s = turn[t, SEGMENT]
    while s >= 0 and owner[s] != SHARED:
        mark[s] = t + 1
        s = segment[s, PARENT]
    if s >= 0:
        blocks = segment[s, START] + segment[s, BLOCKS]
    for u in range(first, stop):
        kept = _kept_blocks(u, turn, block_size)
        if (
            u == t
            or kept <= blocks
            or (later[t - first, (u - first) >> 6] >> np.uint64((u - first) & 63)) & np.uint64(1)
        ):
            continue
        s = turn[u, SEGMENT]
        while s >= 0 and owner[s] != SHARED and mark[s] != t + 1:
            s = segment[s, PARENT]
        if s >= 0 and owner[s] != SHARED:
            blocks = max(blocks, min(kept, segment[s, START] + segment[s, BLOCKS]))
    return blocks


@compiled
@allocating
def _service(prompt, output, cached, block_size, mode, max_tokens, max_context, scalar, dense, decode):
    """Least time of a turn on the engine that is fastest for it; inf if it fits none.

    Where prefill and decode are apart the fastest for each, without the iteration that begins on the second: it
    computes a part of a block.
    """
    hit = min(cached, (prompt - 1) // block_size * block_size)
    least_s = least_prefill_s = least_decode_s = np.inf
    for e in range(len(max_tokens)):
        if prompt + output > max_context[e]:
            continue
        prefill_s = _prefill(hit, prompt, max_tokens[e], scalar[e], dense[e])
        if mode[e] < PREFILL_MODE:
            least_s = min(least_s, prefill_s + _decode(prompt + 1, prompt + output - 1, decode[e]))
        if mode[e] != DECODE_MODE:
            least_prefill_s = min(least_prefill_s, prefill_s)
        if mode[e] != PREFILL_MODE:
            least_decode_s = min(least_decode_s, _decode(prompt + 2, prompt + output - 1, decode[e]))
    if mode.max() < PREFILL_MODE:
        return least_s
    return min(least_s, least_prefill_s + least_decode_s)


@compiled
@allocating
def _prefill(hit, prompt, max_tokens, scalar, dense):
    """Least time to compute the tokens from `hit` on.

    Alone or beside others, all chunks but the last fill the budget of an iteration.
    """
    tokens = prompt - hit
    iterations = (tokens + max_tokens - 1) // max_tokens
    last = tokens - (iterations - 1) * max_tokens
    full_s, last_s = dense[max_tokens] + scalar[SEQUENCES], dense[last] + scalar[SEQUENCES]
    full_cpu_s = scalar[CPU] + scalar[CPU_PER_TOKEN] * max_tokens
    last_cpu_s = scalar[CPU] + scalar[CPU_PER_TOKEN] * last
    pairs = tokens * (hit + tokens / 2.0)
    contexts = iterations * prompt - max_tokens * (iterations * (iterations - 1) / 2.0)
    attention_s = max(scalar[PAIR] * pairs + scalar[CHUNK_TOKEN] * tokens, scalar[SERIAL] * contexts)
    with_attention_s = (iterations - 1) * full_s + last_s + attention_s
    with_cpu_s = (iterations - 1) * max(full_s, full_cpu_s) + max(last_s, last_cpu_s)
    return iterations * scalar[OVERHEAD] + max(with_attention_s, with_cpu_s)


@compiled
@allocating
def _decode(first, last, pieces):
    """Least time of iterations with contexts `first` .. `last`."""
    seconds = 0.0
    piece = 0
    while first <= last:
        while pieces[piece, 0] < first:
            piece += 1
        stop = last if pieces[piece, 0] >= last else int(pieces[piece, 0])
        n = stop - first + 1
        seconds += n * pieces[piece, 1] + pieces[piece, 2] * (n * (first + stop) / 2.0)
        first = stop + 1
    return seconds
