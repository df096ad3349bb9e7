"""Norms, rotary embedding and activation: small kernels that move activations and compute little.

One kernel takes a launch and the time to move its bytes. Launches from the measured layers of an RTX PRO 6000
(LLMServingSim, vLLM 0.19: 9.8 us a layer for one token of Llama-3.1-8B). Bandwidth between the 1.0-2.4 of HBM that such
cards reach with their large caches (activation 94 us, two norms 31 us, rotary embedding 12 us for 2,048 tokens),
0.58-0.96 on an H100 (Vidur) and 0.60 for the activation of Llama-70B on a B200.
"""

import numpy as np

from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.layers import Layers
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.profile import Array

KERNELS = 4  # of attention and MLP: two norms (with the residual), rotary embedding, activation
LAUNCH_S = 2.4e-6
BANDWIDTH_SHARE = 0.8
VALUE_BYTES = 2


def elementwise_s(tokens: Array, gpu: Gpu, model: Model, tp: int) -> Array:
    """Seconds of the small kernels of all layers of one rank, at each number of tokens in the step."""
    return np.sum(
        [alike.count * _layer_s(tokens, gpu, model.hidden, alike, tp) for alike in model.layers_alike], axis=0
    )


def _layer_s(tokens: Array, gpu: Gpu, hidden: int, layer: Layers, tp: int) -> Array:
    parts = len(layer.parts)
    rotated = sum(mixer.rotated_width(tp) for mixer in layer.attentions)
    moved = parts * 4 * hidden + 2 * rotated + 3 * layer.activated_width / tp
    move_s = VALUE_BYTES * moved * tokens / (gpu.hbm_bytes_per_s * BANDWIDTH_SHARE)
    return np.asarray(KERNELS * parts / 2 * LAUNCH_S + move_s)
