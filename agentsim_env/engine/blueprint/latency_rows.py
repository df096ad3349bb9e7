"""Latency tables of engines at every whole number of tokens and of sequences, so that the engine only indexes."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from agentsim_env.engine.core.state import PROFILE
from agentsim_env.engine.latency.interpolation import table_at

_KEPT = 16
"""Profiles whose tables are kept: scenarios that are drawn anew for each episode come back to the same ones."""


class LatencyRows(NamedTuple):
    """The latency of the iterations of all instances.

    Attributes:
        profile: What does not depend on the batch, `PROFILE [profiles]`.
        by_tokens: See `State.by_tokens`, `f8 [profiles, tokens + 1, 3]`.
        by_seqs: See `State.by_seqs`, `f8 [profiles, sequences + 1, 5]`.
        profile_of: Profile of each instance, `int [N]`.
    """

    profile: np.ndarray
    by_tokens: np.ndarray
    by_seqs: np.ndarray
    profile_of: np.ndarray


def latency_rows(profiles: Sequence[Any], max_tokens: int, max_seqs: int) -> LatencyRows:
    """The rows of the profiles of all instances; instances with the same profile share theirs.

    Args:
        profiles: `agentsim_env.hardware.profile.Profile` of each instance.
        max_tokens: Most tokens in an iteration.
        max_seqs: Most turns in a batch.
    """
    distinct = {id(profile): profile for profile in profiles}
    places = {key: k for k, key in enumerate(distinct)}
    return LatencyRows(
        profile=_profile_rows(list(distinct.values())),
        by_tokens=np.stack([_by_tokens(profile, max_tokens) for profile in distinct.values()]),
        by_seqs=np.stack([_by_seqs(profile, max_seqs) for profile in distinct.values()]),
        profile_of=np.array([places[id(profile)] for profile in profiles]),
    )


def _profile_rows(profiles: Sequence[Any]) -> np.ndarray:
    rows = np.zeros(len(profiles), PROFILE)
    for name in PROFILE.names or ():
        rows[name] = [getattr(profile, name) for profile in profiles]
    return rows


@lru_cache(maxsize=_KEPT)
def _by_tokens(profile: Any, max_tokens: int) -> np.ndarray:
    tokens = np.arange(max_tokens + 1.0)
    columns = [
        table_at(tokens, profile.dense_tokens, profile.dense_s),
        table_at(tokens, profile.pre_c, profile.pre_a_s),
        table_at(tokens, profile.pre_c, profile.pre_b_s),
    ]
    return np.stack(columns, axis=1)


@lru_cache(maxsize=_KEPT)
def _by_seqs(profile: Any, max_seqs: int) -> np.ndarray:
    seqs = np.arange(max_seqs + 1.0)
    attention = (profile.pure_a_s, profile.pure_b_s, profile.mixed_a_s, profile.mixed_b_s)
    per_sequence = table_at(seqs, profile.seq_n, profile.seq_s)
    return np.stack([per_sequence, *(table_at(seqs, profile.dec_n, column) for column in attention)], axis=1)
