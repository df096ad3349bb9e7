"""Models whose layers were searched one by one (Nemotron-NAS, DeciLM): `block_configs` has one entry a layer."""

from agentsim_env.hardware.huggingface.fields import MOST_HEADS, Fields
from agentsim_env.hardware.huggingface.mixers import HEAD_DIM, HEADS
from agentsim_env.hardware.huggingface.structure import check_structure
from agentsim_env.hardware.layers import Attention, Layers, Mixer, Mlp

ROUNDED_TO = 256


def block_layers(fields: Fields, layers: int, hidden: int) -> list[Layers]:
    """One layer for each block.

    Raises:
        UnknownHardwareError: If a block is something else than grouped-query attention and a gated MLP, or neither.
    """
    blocks = fields.get("block_configs")
    if not isinstance(blocks, list) or len(blocks) < layers:
        raise fields.error("block_configs", f"a list with one entry for each of the {layers} layers")
    fields.ignore("intermediate_size", "num_key_value_heads", "num_key_value_heads_per_layer", "layer_types")
    heads = fields.whole(HEADS, high=MOST_HEADS)
    if fields.name(HEAD_DIM) is None and hidden % heads:
        raise fields.refuse(HEADS[0], f"{heads} heads do not divide {hidden} (hidden size); give head_dim")
    head_dim = fields.whole(HEAD_DIM, max(1, hidden // heads))
    found: list[Layers] = []
    for i, block in enumerate(blocks[:layers]):
        if not isinstance(block, dict):
            raise fields.error(f"block_configs[{i}]", "an object of fields")
        inner = Fields(f"{fields.place}: block_configs[{i}]", block)
        found.append(Layers(1, _mixers(inner, heads, head_dim), _mlp(inner, hidden)))
        check_structure(inner)
    return found


def _mixers(block: Fields, heads: int, head_dim: int) -> tuple[Mixer, ...]:
    attention = block.nested("attention")
    if attention is None:
        raise block.missing("attention")
    if attention.flag("no_op"):
        return ()
    group = attention.whole(("n_heads_in_group",), high=heads)
    if heads % group:
        raise attention.error("n_heads_in_group", f"a divisor of the {heads} heads")
    check_structure(attention)
    return (Attention(heads, heads // group, head_dim, head_dim),)


def _mlp(block: Fields, hidden: int) -> Mlp | None:
    ffn = block.nested("ffn")
    if ffn is None:
        raise block.missing("ffn")
    if ffn.flag("no_op"):
        return None
    if "intermediate_size" in ffn:
        width = ffn.whole(("intermediate_size",))
    else:
        width = int(2 * ffn.number("ffn_mult", 0.0, 1e-3, 64.0) * hidden / 3)
        width = -(-width // ROUNDED_TO) * ROUNDED_TO
    check_structure(ffn)
    return Mlp(width)
