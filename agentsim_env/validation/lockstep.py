"""Data-parallel replicas that share their experts: every step of one waits for all, so together they are one engine.

With sequences spread evenly over R ranks, a step of N tokens, n sequences and nd decodes over KV tokens takes

    small layers at N / R tokens (decodes are spread; a prefill chunk lies on one rank, whose tokens are then
    N - (R - 1) / R * sequences), experts of all N tokens on 1 / R of the experts each, one gathering and one scattering
    of all N tokens around them, attention of nd / R decodes over KV / R, head and sampler of n / R sequences.
"""

import numpy as np

from agentsim_env.hardware.all_reduce import all_reduce_s
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.profile import Array, Profile, interpolate

# Hidden states and router logits are gathered, results are scattered. Launches from NCCL in a CUDA graph on two RTX PRO
# 6000 (LLMServingSim, profiler/perf/RTXPRO6000/hardware.yaml @ 1b2cc02d: 10-11 us for 4 kB of either kind).
COLLECTIVES = 3
COLLECTIVE_S = 10e-6


def merged(profile: Profile, gpu: Gpu, model: Model, replicas: int, max_num_seqs: int) -> Profile:
    """The profile of `replicas` ranks in lockstep from that of one rank which holds all experts.

    Args:
        profile: One rank's; its part `experts` is what is shared.
        gpu: The GPU of each rank.
        model: A mixture of experts.
        replicas: Ranks.
        max_num_seqs: Most sequences of one rank.

    Raises:
        ValueError: The profile does not keep its experts apart.
    """
    if "experts" not in profile.parts:
        raise ValueError(f"expert_parallel: the profile of {profile.model} on {profile.gpu} has no part 'experts'")
    knots = np.unique(np.concatenate([profile.dense_tokens, replicas * profile.dense_tokens]))
    fullest = np.maximum(knots / replicas, knots - (replicas - 1) * max_num_seqs)
    experts = _read(knots, profile.dense_tokens, profile.parts["experts"]) / replicas
    small = _read(fullest, profile.dense_tokens, profile.dense_s - profile.parts["experts"])
    # A gathering and a scattering move what an all-reduce of the same size moves.
    moved = all_reduce_s(2.0 * knots * model.hidden, gpu, replicas) - all_reduce_s(np.ones(1), gpu, replicas)
    exchange = model.expert_layers * (COLLECTIVES * COLLECTIVE_S + moved)
    return profile.replace(
        dense_tokens=knots,
        dense_s=small + experts + exchange,
        parts={"small": small, "experts": experts, "exchange": exchange},
        seq_n=replicas * profile.seq_n,
        dec_n=replicas * profile.dec_n,
        pure_b_s=profile.pure_b_s / replicas,
        mixed_b_s=profile.mixed_b_s / replicas,
        assumed=f"{profile.assumed}; {replicas} ranks in lockstep, sequences spread evenly",
    )


def _read(x: Array, knots: Array, values: Array) -> Array:
    return np.array([interpolate(float(at), knots, values) for at in x])
