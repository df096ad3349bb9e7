"""What a named link, or a slower machine, changes in a latency profile: the all-reduces of tensor parallelism."""

import warnings

import numpy as np

from agentsim_env.errors import AgentSimWarning
from agentsim_env.hardware.all_reduce import all_reduce_s, fuses_norm
from agentsim_env.hardware.elementwise import LAUNCH_S
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.profile import Profile

PART = "all_reduce"  # of the dense layers, in profiles that keep their parts


def with_interconnect(
    profile: Profile, gpu: Gpu, model: Model, tp: int, link: str | None = None, factor: float = 1.0
) -> Profile:
    """`profile` with all-reduces over another link than the GPU's own, each `factor` times as long.

    Where the link's kernel does the norm behind the all-reduce too, the launches of norms are gone.

    Args:
        profile: A profile of `model` on `tp` of `gpu`, with the all-reduces of the GPU's own link.
        gpu: The GPU.
        model: The model.
        tp: Tensor-parallel ranks.
        link: One of `all_reduce.links`; `None`: the GPU's own.
        factor: By how much each all-reduce is longer than in the table.

    Raises:
        UnknownHardwareError: The link is not known, or was not measured with so many GPUs.
    """
    if tp == 1 or (link is None and factor == 1.0):
        return profile
    size_bytes = 2.0 * profile.dense_tokens * model.hidden
    count = sum(alike.count * len(alike.parts) for alike in model.layers_alike)
    own_s = profile.parts.get(PART, count * all_reduce_s(size_bytes, gpu, tp))
    over_link_s = factor * (own_s if link is None else count * all_reduce_s(size_bytes, gpu, tp, link))
    if fuses_norm(link):
        over_link_s = np.maximum(over_link_s - count * LAUNCH_S, 0.0)
    parts = {**profile.parts, PART: over_link_s} if PART in profile.parts else {}
    return profile.replace(dense_s=np.maximum(profile.dense_s - own_s, 0.0) + over_link_s, parts=parts)


def doubt_pcie(gpu: Gpu, tp: int, link: str | None, factor: float, place: str) -> None:
    """Warns where ranks speak over PCIe and nobody has said how.

    Args:
        gpu: The GPU.
        tp: Tensor-parallel ranks.
        link: The link that was named, if one was.
        factor: The factor that was given; 1: none.
        place: What the message begins with: the file or field.
    """
    if tp > 1 and gpu.linked_by_pcie and link is None and factor == 1.0:
        warnings.warn(
            f"{place}: tp {tp} over PCIe: all-reduces take up to 2.5 times as long on one machine as on another with "
            "the same cards; taken is direct access between them; say what yours has with interconnect (pcie-5-nccl, "
            "pcie-5-acs ...) or all_reduce_factor",
            AgentSimWarning,
            stacklevel=2,
        )
