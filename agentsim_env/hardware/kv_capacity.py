"""How many KV blocks an engine has: memory x utilisation - weights - activation peak - what it reserves.

The engine profiles one step of `max_num_batched_tokens` tokens and one sampling step of `max_num_seqs` sequences and
gives what is left to KV. Checked against the counts that real engines printed in `tests/hardware/test_kv_capacity.py`.
"""

from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.model import Model

DEFAULT_UTILISATION = 0.9  # vLLM: gpu_memory_utilization
LOGIT_BYTES = 10  # 16-bit logits, a 32-bit copy and one more for sampling


def activation_peak_bytes(model: Model, tp: int, max_num_batched_tokens: int, max_num_seqs: int) -> float:
    """Largest of the forward pass' activations and the sampler's buffers on one rank, bytes."""
    width = max(model.intermediate, model.experts_per_token * model.expert_intermediate)
    qkv = (model.heads + 2 * model.kv_heads) * model.head_dim
    forward = 2.0 * max_num_batched_tokens * (4 * model.hidden + (qkv + 3 * width) / tp)
    return max(forward, float(LOGIT_BYTES) * max_num_seqs * model.vocab)


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

    Returns:
        Whole blocks.

    Raises:
        ValueError: If the weights leave no room.
    """
    used = model.weight_bytes(dtype, tp) + gpu.reserved_gb * 1e9
    used += activation_peak_bytes(model, tp, max_num_batched_tokens, max_num_seqs)
    free = gpu.memory_bytes * utilisation - used
    blocks = int(free // (model.kv_bytes_per_token(kv_dtype, tp) * block_size))
    if blocks < 1:
        raise ValueError(
            f"{model.name} ({dtype}, tp {tp}) does not fit {gpu.name}: weights, activations and reserve need "
            f"{used / 1e9:.1f} GB of {gpu.memory_bytes * utilisation / 1e9:.1f} GB; "
            "use more GPUs (tp) or a smaller dtype"
        )
    return blocks
