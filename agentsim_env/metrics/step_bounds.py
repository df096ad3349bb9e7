"""The least time that an engine needs for the prefill and for the decodes of one turn, in whatever batch they run.

"Alone" is not the least: measured step times may be shorter with more tokens in the step, and a batch may read KV at a
higher rate than one sequence. `docs/metrics.md` derives the bounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from agentsim_env.engine.core.state import MODES
from agentsim_env.engine.latency.interpolation import table_at
from agentsim_env.engine.longest_context import held_tokens

if TYPE_CHECKING:
    from agentsim_env.hardware.engines import Engine

_KEPT = 64


@dataclass(frozen=True)
class StepBounds:
    """What bounds the iterations of one engine from below; seconds, tokens.

    Attributes:
        dense_s: Dense layers of a step of at least N tokens, `[max_num_batched_tokens + 1]`.
        sequences_s: Work per sequence of any step.
        pair_s: Prefill attention per (token, earlier token) pair.
        chunk_token_s: Prefill attention per token, on top.
        decode_to: Context up to which each piece of the decode bound holds, ascending, the last one inf.
        decode_s: Each piece at context 0.
        decode_per_token_s: Growth of each piece per token of context.
        scalars: Of a step with a chunk: overhead; CPU floor of one sequence, and per token; attention of one tile, per
            token of the longest context.
    """

    dense_s: np.ndarray
    sequences_s: float
    pair_s: float
    chunk_token_s: float
    decode_to: np.ndarray
    decode_s: np.ndarray
    decode_per_token_s: np.ndarray
    scalars: tuple[float, float, float, float]


class Fleet(NamedTuple):
    """The different engines of a cluster, as arrays for compiled code; E engines.

    Attributes:
        mode: Number of its mode, `i8 [E]`.
        max_tokens: Most tokens in an iteration, `i8 [E]`.
        max_context: Longest prompt + output, `i8 [E]`.
        scalar: `StepBounds.scalars`, `sequences_s`, `pair_s`, `chunk_token_s`, `f8 [E, 7]`.
        dense: `StepBounds.dense_s`, padded, `f8 [E, tokens]`.
        decode: `decode_to`, `decode_s`, `decode_per_token_s`, padded, `f8 [E, pieces, 3]`.
    """

    mode: np.ndarray
    max_tokens: np.ndarray
    max_context: np.ndarray
    scalar: np.ndarray
    dense: np.ndarray
    decode: np.ndarray


def fleet(engines: Sequence["Engine"], block_size: int) -> Fleet:
    """The bounds of the different engines among `engines`."""
    kinds = dict.fromkeys(
        (
            engine.profile,
            _most_tokens(engine, block_size),
            engine.max_num_seqs,
            held_tokens(engine, block_size),
            MODES.index(engine.mode),
        )
        for engine in engines
    )
    return _fleet(tuple(kinds))


def _most_tokens(engine: "Engine", block_size: int) -> int:
    """Most tokens in one of its iterations; a whole prompt may be above the budget."""
    whole = held_tokens(engine, block_size) if engine.mode == "prefill_first" else 0
    return max(engine.max_num_batched_tokens, whole)


@lru_cache(maxsize=_KEPT)
def _fleet(kinds: tuple[tuple[Any, int, int, int, int], ...]) -> Fleet:
    bounds = [step_bounds(profile, max_tokens, max_seqs) for profile, max_tokens, max_seqs, *_ in kinds]
    dense = np.zeros((len(kinds), max(len(bound.dense_s) for bound in bounds)))
    decode = np.full((len(kinds), max(len(bound.decode_to) for bound in bounds), 3), np.inf)
    for row, pieces, bound in zip(dense, decode, bounds, strict=True):
        row[: len(bound.dense_s)] = bound.dense_s
        columns = (bound.decode_to, bound.decode_s, bound.decode_per_token_s)
        pieces[: len(bound.decode_to)] = np.stack(columns, axis=1)
    return Fleet(
        mode=np.array([kind[4] for kind in kinds], np.int64),
        max_tokens=np.array([kind[1] for kind in kinds], np.int64),
        max_context=np.array([kind[3] for kind in kinds], np.int64),
        scalar=np.array([(*b.scalars, b.sequences_s, b.pair_s, b.chunk_token_s) for b in bounds]),
        dense=dense,
        decode=decode,
    )


@lru_cache(maxsize=_KEPT)
def step_bounds(profile: Any, max_tokens: int, max_seqs: int) -> StepBounds:
    """Bounds of an engine.

    Args:
        profile: Its latency tables (`agentsim_env.hardware.Profile`).
        max_tokens: Most tokens in one of its iterations.
        max_seqs: Most turns in its batch.
    """
    tokens, sequences = np.arange(1.0, max_tokens + 1), np.arange(1.0, max_seqs + 1)
    dense = table_at(tokens, profile.dense_tokens, profile.dense_s)
    least_dense = np.minimum.accumulate(dense[::-1])[::-1]
    per_seq = table_at(sequences, profile.seq_n, profile.seq_s)
    pair_s, chunk_token_s = _attention(profile, tokens)
    one_cpu_s = profile.cpu_s + profile.cpu_per_seq_s

    bases, slopes = _decode_lines(profile, sequences, dense, least_dense, per_seq)
    lines = [(base, slope) for base, slope in zip(bases, slopes, strict=True)]
    floor = (
        (float(least_dense.min() + per_seq.min()), min(profile.serial_pure_s, profile.serial_mixed_s)),
        (one_cpu_s + profile.cpu_per_token_s, 0.0),
    )
    decode_to, decode_s, decode_per_token_s = decode_pieces(lines, floor)
    return StepBounds(
        dense_s=np.concatenate([[0.0], least_dense]),
        sequences_s=float(per_seq.min()),
        pair_s=pair_s,
        chunk_token_s=chunk_token_s,
        decode_to=decode_to,
        decode_s=decode_s + profile.overhead_s,
        decode_per_token_s=decode_per_token_s,
        scalars=(
            profile.overhead_s + profile.chunk_overhead_s,
            one_cpu_s,
            profile.cpu_per_token_s,
            profile.serial_mixed_s,
        ),
    )


def _attention(profile: Any, tokens: np.ndarray) -> tuple[float, float]:
    """The largest b, then g, for which any chunk of c tokens behind k takes at least g c + b (c k + c^2 / 2).

    Summed over chunks the bound does not depend on how a prompt is cut: b times the pairs of tokens plus g times the
    tokens.
    """
    chunk_s = table_at(tokens, profile.pre_c, profile.pre_a_s)
    per_cached_s = table_at(tokens, profile.pre_c, profile.pre_b_s)
    pair_s = max(0.0, float(min((per_cached_s / tokens).min(), (2.0 * chunk_s / tokens**2).min())))
    return pair_s, max(0.0, float(((chunk_s - pair_s * tokens**2 / 2.0) / tokens).min()))


def _decode_lines(
    profile: Any, sequences: np.ndarray, dense: np.ndarray, least_dense: np.ndarray, per_seq: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Time of an iteration with 1, 2, ... decodes, pure and mixed, as a line in the context of one of them."""
    n = min(len(sequences), len(dense))
    least_per_seq = np.minimum.accumulate(per_seq[::-1])[::-1]
    columns = (profile.pure_a_s, profile.pure_b_s, profile.mixed_a_s, profile.mixed_b_s)
    pure_a, pure_b, mixed_a, mixed_b = (table_at(sequences[:n], profile.dec_n, column) for column in columns)
    pure = dense[:n] + per_seq[:n] + pure_a
    # A mixed step holds at least one prefill token and one more sequence.
    mixed = least_dense[1:n] + least_per_seq[1:n] + mixed_a[: n - 1] + profile.chunk_overhead_s
    return np.concatenate([pure, mixed]), np.concatenate([pure_b, mixed_b[: n - 1]])


def decode_pieces(
    lines: list[tuple[float, float]], floor: Sequence[tuple[float, float]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The larger of the lowest of `lines` and the highest of `floor`, from context 0 on, as pieces.

    Args:
        lines: (value at 0, slope).
        floor: The same.

    Returns:
        Ends of the pieces, ascending, the last one inf; values at 0; slopes.
    """
    lowest = lowest_lines(lines)
    every = [*lowest, *floor]
    cuts = {
        (other[0] - one[0]) / (one[1] - other[1])
        for i, one in enumerate(every)
        for other in every[:i]
        if one[1] != other[1]
    }
    ends = [*sorted(cut for cut in cuts if cut > 0.0), np.inf]
    pieces: list[tuple[float, float, float]] = []
    start = 0.0
    for end in ends:
        inside = start + 1.0 if end == np.inf else (start + end) / 2.0
        low = min(lowest, key=lambda line: line[0] + line[1] * inside)
        best = max([low, *floor], key=lambda line: line[0] + line[1] * inside)
        if pieces and pieces[-1][1:] == best:
            pieces.pop()
        pieces.append((end, *best))
        start = end
    table = np.array(pieces)
    return table[:, 0], table[:, 1], table[:, 2]


def lowest_lines(lines: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The lines that are lowest somewhere on x >= 0, in the order in which they are."""
    bases, slopes = np.array(lines).T
    at = np.lexsort((slopes, bases))[0]
    chosen, x = [(float(bases[at]), float(slopes[at]))], 0.0
    while (flatter := slopes < slopes[at]).any():
        crossings = np.where(flatter, (bases - bases[at]) / np.where(flatter, slopes[at] - slopes, 1.0), np.inf)
        x = crossings.min()
        at = min(np.flatnonzero(crossings == x), key=lambda i: slopes[i])
        chosen.append((float(bases[at]), float(slopes[at])))
    return chosen
