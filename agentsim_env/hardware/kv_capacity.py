"""How many KV blocks an engine has: memory x utilisation - weights - activation peak - what it reserves.

The engine profiles one step of `max_num_batched_tokens` tokens and one sampling step of `max_num_seqs` sequences and
gives what is left to KV. Checked against the counts that real engines printed in `tests/hardware/test_kv_capacity.py`.
"""

from agentsim_env.hardware.dtypes import UnknownHardwareError
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.layers import LatentAttention, Layers, Recurrence
from agentsim_env.hardware.model import Model

DEFAULT_UTILISATION = 0.9  # vLLM: gpu_memory_utilization
TYPICAL_TOKENS = 8192  # context of a sequence where memory is divided between its blocks and its windows and states
LOGIT_BYTES = 10  # 16-bit logits, a 32-bit copy and one more for sampling


def activation_peak_bytes(model: Model, tp: int, max_num_batched_tokens: int, max_num_seqs: int) -> float:
    """Largest of the forward pass' activations and the sampler's buffers on one rank, bytes."""
    widest = max(_columns(alike) for alike in model.layers_alike)
    forward = 2.0 * max_num_batched_tokens * (4 * model.hidden + widest / tp)
    return max(forward, float(LOGIT_BYTES) * max_num_seqs * model.vocab)


def _columns(layers: Layers) -> int:
    """Widths of what one token leaves in memory in a layer beside the hidden state, all ranks together."""
    mixed = 0
    for mixer in layers.mixers:
        if isinstance(mixer, Recurrence):
            mixed += mixer.input_width + mixer.output_width
        elif isinstance(mixer, LatentAttention):
            mixed += mixer.heads * (2 * (mixer.nope_dim + mixer.rope_dim) + mixer.value_dim)
        else:
            mixed += mixer.heads * mixer.head_dim + mixer.kv_heads * (mixer.head_dim + mixer.value_dim)
    return mixed + 3 * layers.activated_width


def kv_blocks(
    gpu: Gpu,
    model: Model,
    tp: int = 1,
    dtype: str = "bf16",
    kv_dtype: str = "bf16",
    utilisation: float = DEFAULT_UTILISATION,
    max_num_batched_tokens: int = 2048,
    max_num_seqs: int = 256,
    block_size: int = 16,
    other_bytes: float = 0.0,
) -> int:
    """KV blocks of one instance.

    Args:
        gpu: The GPU of every rank.
        model: The model.
        tp: Tensor-parallel ranks.
        dtype: Format of the weights.
        kv_dtype: Format of the KV cache.
        utilisation: Share of a GPU's memory that the engine may use, 0-1.
        max_num_batched_tokens: Token budget of a step.
        max_num_seqs: Most sequences in a step.
        block_size: Tokens in a block.
        other_bytes: What else each GPU keeps: slots of adapters.

    Returns:
        Whole blocks.

    Raises:
        UnknownHardwareError: If the weights leave no room, or the model keeps no KV that grows with the context.
    """
    per_token = model.kv_bytes_per_token(kv_dtype, tp)
    if per_token == 0:
        raise UnknownHardwareError(
            f"{model.name} keeps no KV that grows with the context, only recurrent states: no number of KV blocks "
            "follows from the memory; set kv_blocks"
        )
    budget = gpu.memory_bytes * utilisation
    used = model.weight_bytes(dtype, tp) + gpu.reserved_gb * 1e9
    used += activation_peak_bytes(model, tp, max_num_batched_tokens, max_num_seqs)
    free = budget - used - other_bytes
    free -= _reserved_for_states(model, free, kv_dtype, tp, max_num_seqs)
    blocks = int(free // (per_token * block_size))
    if blocks < 1:
        raise UnknownHardwareError(
            f"{model.name} ({dtype}, tp {tp}) does not fit {gpu.name}: weights, activations and reserve need "
            f"{used / 1e9:.1f} GB of {budget / 1e9:.1f} GB{_beside(other_bytes)}; use more GPUs (tp) or a smaller dtype"
        )
    return blocks


def _beside(other_bytes: float) -> str:
    return f", beside {other_bytes / 1e9:.1f} GB of adapters" if other_bytes else ""


def _reserved_for_states(model: Model, free_bytes: float, kv_dtype: str, tp: int, max_num_seqs: int) -> float:
    """Bytes set aside for full windows and recurrent states.

    An engine takes them from the same memory as its blocks, as sequences come. Here the pool of blocks is fixed, so
    they are reserved for `max_num_seqs` sequences, or as many as fit with `TYPICAL_TOKENS` of context each.
    """
    state = model.state_bytes_per_sequence(kv_dtype, tp)
    if state == 0:
        return 0.0
    tokens = min(TYPICAL_TOKENS, model.max_context_tokens)
    return state * min(max_num_seqs, max(1.0, free_bytes // (state + tokens * model.kv_bytes_per_token(kv_dtype, tp))))
