"""Fit a profile to whole iterations of a running engine, starting from what is known of its GPU and model."""

import numpy as np

from agentsim_env.hardware.calibrate.errors import describe, regime_errors
from agentsim_env.hardware.calibrate.fit import without_overheads
from agentsim_env.hardware.calibrate.least_squares import robust
from agentsim_env.hardware.calibrate.steps import Steps, basis, predict_s, read
from agentsim_env.hardware.profile import Array, Profile

MOST_KNOTS = 24
PULL = 0.02  # how much an unknown that the data does not show is held at the prior, against one iteration


def fit_steps(steps: Steps, prior: Profile, source: str) -> Profile:
    """A profile for `steps`; what they do not determine stays near `prior`.

    The engine's overheads are in the measured times, so the profile has none of its own.

    Args:
        steps: Measured iterations.
        prior: Profile of the same GPU and model.
        source: Where the iterations come from.
    """
    start = without_overheads(prior).replace(chunk_overhead_s=0.0)
    tables = _tables(steps, start)
    columns, guesses = _columns(steps, start, tables)
    fixed = read(steps.sequences, start.seq_n, start.seq_s)
    target = steps.seconds - fixed
    serial = np.where(steps.chunks > 0, start.serial_mixed_s, start.serial_pure_s) * steps.longest_tokens
    if np.any(predict_s(start, steps) * 1.2 < serial):
        start = start.replace(serial_mixed_s=0.0, serial_pure_s=0.0)
    pull = np.diag(PULL / np.maximum(guesses, 1e-12))
    matrix = np.vstack([columns, pull])
    total = np.append(steps.seconds, np.ones(len(guesses)))
    answer = robust(matrix, np.append(target, np.full(len(guesses), PULL)), total, np.ones(len(total)))
    profile = _profile(start, tables, answer, source)
    return profile.replace(error=describe(regime_errors(profile, steps)))


def _tables(steps: Steps, prior: Profile) -> dict[str, Array]:
    return {
        "dense": _knots(steps.tokens, prior.dense_tokens),
        "decode": _knots(steps.decodes[steps.decodes > 0], prior.dec_n),
        "prefill": _knots(steps.new_tokens[steps.chunks > 0], prior.pre_c),
    }


def _knots(values: Array, known: Array) -> Array:
    """Knots where the data is, and those of the prior where it is not."""
    found = np.unique(values)
    if len(found) == 0:
        return known
    if len(found) > MOST_KNOTS:
        found = np.unique(np.quantile(found, np.linspace(0, 1, MOST_KNOTS), method="nearest"))
    return np.concatenate([known[known < found[0]], found, known[known > found[-1]]])


def _columns(steps: Steps, prior: Profile, tables: dict[str, Array]) -> tuple[Array, Array]:
    """One column per unknown (dense; pure a, b; mixed a, b; prefill a, b; overhead of chunks) and its prior value."""
    mixed = (steps.chunks > 0)[:, None]
    decode = basis(steps.decodes, tables["decode"]) * (steps.decodes > 0)[:, None]
    prefill = basis(steps.new_tokens, tables["prefill"]) * steps.chunks[:, None]
    kv, cached = steps.kv_tokens[:, None], steps.cached_tokens[:, None]
    columns = [
        basis(steps.tokens, tables["dense"]),
        decode * ~mixed,
        decode * ~mixed * kv,
        decode * mixed,
        decode * mixed * kv,
        prefill,
        prefill * cached,
        mixed.astype(np.float64),
    ]
    n, c = tables["decode"], tables["prefill"]
    guesses = [
        read(tables["dense"], prior.dense_tokens, prior.dense_s),
        *(
            read(n, prior.dec_n, values)
            for values in (prior.pure_a_s, prior.pure_b_s, prior.mixed_a_s, prior.mixed_b_s)
        ),
        *(read(c, prior.pre_c, values) for values in (prior.pre_a_s, prior.pre_b_s)),
        np.array([1e-4]),
    ]
    return np.hstack(columns), np.maximum(np.concatenate(guesses), 1e-12)


def _profile(prior: Profile, tables: dict[str, Array], answer: Array, source: str) -> Profile:
    n, c, t = (len(tables[name]) for name in ("decode", "prefill", "dense"))
    pieces = np.split(answer, np.cumsum([t, n, n, n, n, c, c]))
    return prior.replace(
        dense_tokens=tables["dense"],
        dense_s=pieces[0],
        parts={"total": pieces[0]},
        dec_n=tables["decode"],
        pure_a_s=pieces[1],
        pure_b_s=pieces[2],
        mixed_a_s=pieces[3],
        mixed_b_s=pieces[4],
        pre_c=tables["prefill"],
        pre_a_s=pieces[5],
        pre_b_s=pieces[6],
        chunk_overhead_s=float(pieces[7][0]),
        source=source,
        estimated=False,
        assumed="what the iterations do not show is held near the profile that was known before",
    )
