"""Fit a profile to kernel tables."""

from typing import NamedTuple

import numpy as np

from agentsim_env.hardware.calibrate.errors import describe, regime_errors
from agentsim_env.hardware.calibrate.kernels import Kernels
from agentsim_env.hardware.calibrate.least_squares import robust
from agentsim_env.hardware.calibrate.steps import Steps, basis
from agentsim_env.hardware.profile import Array, Profile
from agentsim_env.hardware.roofline import roofline

UNREACHABLE = 0.1  # weight of steps whose KV does not fit the GPU
# Weight of several decodes with less context than this: while their KV stays in the cache of the GPU they are faster
# than the line through longer ones, and they are seldom what a server runs.
SHORT_TOKENS, SHORT = 500, 0.05


LIKE_TOKENS = 1000  # context at which the slowdown of decodes beside a chunk is read from another profile


class DecodeTable(NamedTuple):
    """Seconds a + b * KV per number of decodes."""

    n: Array
    a_s: Array
    b_s: Array


class MixedTables(NamedTuple):
    """Prefill chunks, decodes beside them, and the serial floor of such steps."""

    c: Array
    pre_a_s: Array
    pre_b_s: Array
    decode: DecodeTable | None
    serial_s: float


def fit_profile(kernels: Kernels) -> Profile:
    """The profile that explains `kernels` best; parts that were not measured come from the roofline.

    Args:
        kernels: Measured kernel tables.

    Returns:
        A profile whose `error` is its error on the iterations that the kernels add up to.
    """
    guess = roofline(kernels.gpu, kernels.model, kernels.tp, kernels.dtype, kernels.kv_dtype)
    changes: dict[str, object] = {
        "dense_tokens": kernels.tokens,
        "dense_s": kernels.dense_s,
        "parts": dict(kernels.dense),
        "seq_n": kernels.sequences,
        "seq_s": kernels.per_sequence_s,
        "source": kernels.source,
        "assumed": kernels.assumed,
        "estimated": False,
    }
    if kernels.attention is None:
        return guess.replace(**changes)
    steps = kernels.attention
    total = steps.seconds + kernels.without_attention_s(steps)
    reach = np.where(steps.held_tokens <= kernels.capacity_tokens, 1.0, UNREACHABLE)
    reach = reach * np.where((steps.decodes > 1) & (steps.context_tokens < SHORT_TOKENS), SHORT, 1.0)
    # Launching the attention kernels costs this much whatever they do: it belongs to every step, not to each chunk.
    call_s = float(steps.seconds.min())
    steps = steps.timed(steps.seconds - call_s)
    changes["dense_s"] = kernels.dense_s + call_s
    changes["parts"] = {**kernels.dense, "attention_call": np.full_like(kernels.tokens, call_s)}
    pure = _fit_decode(steps, total, reach)
    mixed = _fit_mixed(steps, total, reach, guess)
    changes |= _decode_tables(pure, mixed.decode, guess)
    changes |= {"pre_c": mixed.c, "pre_a_s": mixed.pre_a_s, "pre_b_s": mixed.pre_b_s}
    changes |= {"serial_pure_s": 0.0, "serial_mixed_s": mixed.serial_s}
    profile = guess.replace(**changes)
    return profile.replace(error=describe(regime_errors(without_overheads(profile), kernels.whole_steps())))


def mixed_as(profile: Profile, like: Profile) -> Profile:
    """`profile` with decodes beside a prefill chunk as much slower than alone as they are in `like`.

    Args:
        profile: A profile whose mixed steps were not measured.
        like: One of the same GPU with as many query heads for each KV head, whose mixed steps were.
    """
    alone = np.array([like.decode_s(int(n), LIKE_TOKENS * n) for n in profile.dec_n])
    beside = np.array([like.decode_s(int(n), LIKE_TOKENS * n, mixed=True) for n in profile.dec_n])
    slower = np.maximum(beside / alone, 1.0)
    return profile.replace(
        mixed_a_s=profile.pure_a_s * slower,
        mixed_b_s=profile.pure_b_s * slower,
        assumed=f"{profile.assumed} (as many times slower as in {like.model} tp {like.tp})",
    )


def without_overheads(profile: Profile) -> Profile:
    """`profile` as the sum of its kernels alone, which is what kernel tables add up to."""
    none = {"overhead_s": 0.0, "chunk_overhead_s": 0.0, "cpu_s": 0.0, "cpu_per_seq_s": 0.0, "cpu_per_token_s": 0.0}
    return profile.replace(**none)


def _fit_decode(steps: Steps, total: Array, importance: Array) -> DecodeTable:
    here = steps.chunks == 0
    decodes, x = _decode_columns(steps.where(here))
    answer = robust(x, steps.seconds[here], total[here], importance[here])
    return DecodeTable(decodes, answer[: len(decodes)], answer[len(decodes) :])


def _fit_mixed(steps: Steps, total: Array, importance: Array, guess: Profile) -> MixedTables:
    here = steps.chunks > 0
    part, total, importance = steps.where(here), total[here], importance[here]
    with_decodes = bool(np.any(part.decodes > 0))
    with_cache = bool(np.any(part.cached_tokens > 0))
    c = np.unique(part.new_tokens)
    columns = [basis(part.new_tokens, c) * part.chunks[:, None]]
    if with_cache:
        columns.append(columns[0] * part.cached_tokens[:, None])
    n, decode_columns = _decode_columns(part) if with_decodes else (c[:0], np.zeros((len(total), 0)))
    matrix = np.hstack([*columns, decode_columns])
    serial_s, answer = _with_serial_floor(matrix, part, total, importance, search=with_decodes and with_cache)
    pre_a_s, rest = answer[: len(c)], answer[len(c) :]
    if with_cache:
        pre_b_s, rest = rest[: len(c)], rest[len(c) :]
    else:
        pre_b_s = _seconds_per_pair(c, pre_a_s) * c
        serial_s = guess.serial_mixed_s
    decode = DecodeTable(n, rest[: len(n)], rest[len(n) :]) if with_decodes else None
    return MixedTables(c, pre_a_s, pre_b_s, decode, serial_s)


def _with_serial_floor(
    matrix: Array, steps: Steps, total: Array, importance: Array, search: bool
) -> tuple[float, Array]:
    """Fit with the floor (seconds per token of the longest context) that leaves the least error, 0 among them."""
    if not search:
        return 0.0, robust(matrix, steps.seconds, total, importance)
    longest = steps.longest_tokens
    alone = (steps.sequences == 1) & (steps.new_tokens == steps.new_tokens.min())
    most = float(np.max(steps.seconds[alone] / longest[alone] * (longest[alone] == longest[alone].max())))
    best: tuple[float, float, Array] | None = None
    for share in (0.0, 0.8, 0.9, 0.95, 1.0, 1.05):
        floor = share * most * longest
        answer = robust(matrix, steps.seconds, total, importance, floor)
        error = np.abs(np.maximum(matrix @ answer, floor) - steps.seconds) / total
        mean = float(np.average(error, weights=importance))
        if best is None or mean < best[0]:
            best = (mean, share * most, answer)
    assert best is not None
    return best[1], best[2]


def _decode_columns(steps: Steps) -> tuple[Array, Array]:
    """Knots over the number of decodes and the columns of a and b; steps without decodes get zeros."""
    n = np.unique(steps.decodes[steps.decodes > 0])
    share = basis(steps.decodes, n) * (steps.decodes > 0)[:, None]
    return n, np.hstack([share, share * steps.kv_tokens[:, None]])


def _seconds_per_pair(c: Array, pre_a_s: Array) -> float:
    """Seconds per (query, key) pair in the longest prompt, where the causal mask wastes least."""
    return float(pre_a_s[-1] / (c[-1] ** 2 / 2))


def _decode_tables(pure: DecodeTable, mixed: DecodeTable | None, guess: Profile) -> dict[str, Array]:
    """Both decode tables on the knots of either; without mixed measurements, slower by the roofline's ratio."""
    if mixed is None:
        slower = float(guess.mixed_b_s[0] / guess.pure_b_s[0])
        mixed = DecodeTable(pure.n, pure.a_s, pure.b_s * slower)
    n = np.union1d(pure.n, mixed.n)
    return {
        "dec_n": n,
        "pure_a_s": basis(n, pure.n) @ pure.a_s,
        "pure_b_s": basis(n, pure.n) @ pure.b_s,
        "mixed_a_s": np.maximum(basis(n, mixed.n) @ mixed.a_s, 0.0),
        "mixed_b_s": np.maximum(basis(n, mixed.n) @ mixed.b_s, 0.0),
    }
