"""How large a LoRA is: two matrices of `rank` columns beside each linear layer of a model, in 16 bits."""

from agentsim_env.hardware.dtypes import UnknownHardwareError
from agentsim_env.hardware.layers import Attention, Layers, Mlp
from agentsim_env.hardware.model import Model

ADAPTER_VALUE_BYTES = 2  # bf16, whatever the type of the weights


def adapter_bytes(model: Model, rank: int) -> int:
    """Bytes of a LoRA of all linear layers, all ranks of an instance together.

    Rank 64 on Qwen2.5-7B has 161.5 million values, 323 MB (ScaleSim's example configuration).

    Raises:
        UnknownHardwareError: If a layer is no full attention with a dense MLP: what is adapted there is a choice.
    """
    columns = sum(alike.count * _columns(model, alike) for alike in model.layers_alike)
    return ADAPTER_VALUE_BYTES * rank * columns


def _columns(model: Model, layers: Layers) -> int:
    """Inputs and outputs of all linear layers of a decoder layer, added up."""
    mlp, hidden = layers.mlp, model.hidden
    if len(layers.mixers) != 1 or not isinstance(layers.mixers[0], Attention) or not isinstance(mlp, Mlp):
        raise UnknownHardwareError(
            f"{model.name}: the size of an adapter follows from its rank only where all layers are full attention and "
            "a dense MLP; give its bytes"
        )
    attention = layers.mixers[0]
    outputs = [attention.heads * attention.head_dim]
    if attention.keeps_kv:
        outputs.append(attention.kv_heads * attention.head_dim)
        outputs += [] if attention.values_are_keys else [attention.kv_heads * attention.value_dim]
    projections = sum(hidden + width for width in outputs)
    return projections + attention.heads * attention.value_dim + hidden + mlp.matrices * (hidden + mlp.width)
