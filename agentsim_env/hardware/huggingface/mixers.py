"""Attention of one layer, from the fields of a `config.json`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agentsim_env.hardware.huggingface.fields import LONGEST_CONTEXT, MOST_HEADS, MOST_LAYERS, WIDEST, Fields
from agentsim_env.hardware.huggingface.layer_kinds import MixerKind
from agentsim_env.hardware.layers import Attention, Indexer, LatentAttention

HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "num_query_heads")
KV_HEADS = (
    "num_key_value_heads",
    "num_kv_heads",
    "n_head_kv",
    "kv_n_heads",
    "multi_query_group_num",
    "num_query_groups",
    "num_attention_groups",
)
HEAD_DIM = ("head_dim", "attention_head_dim", "kv_channels", "head_size")
ONLY_SOME_LAYERS = re.compile(
    r"swa_(num_attention_heads|num_key_value_heads|head_dim|v_head_dim)$"
    r"|attention_other_setting$|global_head_dim$|num_global_key_value_heads$"
)
MPT_KINDS = ("multihead_attention", "multiquery_attention", "grouped_query_attention")
WINDOW = ("sliding_window", "sliding_window_size", "attention_window_size")


@dataclass(frozen=True)
class AttentionFields:
    """The fields about attention, one entry a layer where they may differ.

    Attributes:
        keeps_kv: The layer has keys and values of its own.
    """

    fields: Fields
    hidden: int
    layers: int
    heads: list[int]
    kv_heads: list[int]
    keeps_kv: list[bool]

    def layer(self, i: int, kind: MixerKind) -> Attention | LatentAttention:
        """The attention of layer `i`."""
        fields, heads, kv_heads = self.fields, self.heads[i], self.kv_heads[i]
        if _is_latent(fields):
            if kind == "full":
                return self._latent(i)
            raise fields.refuse("kv_lora_rank", "latent attention with a window is not modelled")
        head_dim = _head_dim(fields, self.hidden, heads)
        own_values = fields.get("use_mla") is not False  # where it is, v_head_dim is about what is switched off
        value_dim = (fields.whole(("v_head_dim",), head_dim, low=0) or head_dim) if own_values else head_dim
        keys_only = False
        if kind == "sliding":
            heads, kv_heads, head_dim, value_dim = _sliding_shape(fields, heads, kv_heads, head_dim, value_dim)
        elif fields.get("global_head_dim") is not None:
            head_dim = value_dim = fields.whole(("global_head_dim",))
            if fields.flag("attention_k_eq_v"):
                keys_only = True
                kv_heads = fields.whole(("num_global_key_value_heads",), kv_heads, high=MOST_HEADS)
        if heads % kv_heads:
            key = fields.name(KV_HEADS) or KV_HEADS[0]
            raise fields.refuse(key, f"{heads} query heads do not share {kv_heads} KV heads evenly")
        window, mean = _window(fields, kind)
        return Attention(
            heads=heads,
            kv_heads=kv_heads,
            head_dim=head_dim,
            value_dim=value_dim,
            window=window,
            mean_window=mean,
            gate_width=_gate_width(fields, heads, value_dim),
            keeps_kv=self.keeps_kv[i],
            values_are_keys=keys_only,
        )

    def _latent(self, i: int) -> LatentAttention:
        fields = self.fields
        fields.ignore(*HEAD_DIM)
        rank = fields.whole(("q_lora_rank",), 0, low=0)
        value = fields.whole(("v_head_dim",))
        return LatentAttention(
            heads=self.heads[i],
            query_rank=rank,
            latent=fields.whole(("kv_lora_rank",)),
            rope_dim=fields.whole(("qk_rope_head_dim",)),
            nope_dim=fields.whole(("qk_nope_head_dim",)),
            value_dim=value,
            gate_width=_gate_width(fields, self.heads[i], value),
            indexer=self._indexer(i),
        )

    def _indexer(self, i: int) -> Indexer | None:
        fields = self.fields
        if not any(key in fields for key in ("index_topk", "index_n_heads", "index_head_dim")):
            return None
        return Indexer(
            heads=fields.whole(("index_n_heads",), high=MOST_HEADS),
            head_dim=fields.whole(("index_head_dim",)),
            top_k=fields.whole(("index_topk",)),
            own=self._chooses(i),
        )

    def _chooses(self, i: int) -> bool:
        """Whether layer `i` has an indexer of its own; others take the choice of the last one that has."""
        fields = self.fields
        frequency = fields.whole(("index_topk_freq",), 1, high=MOST_LAYERS)
        offset = fields.whole(("index_skip_topk_offset",), 0, low=0, high=MOST_LAYERS)
        words = fields.words("indexer_types", self.layers, ("full", "shared"))
        if words is not None:
            return words[i] == "full"
        return max(i - offset + 1, 0) % frequency == 0


def attention_fields(fields: Fields, hidden: int, layers: int) -> AttentionFields:
    """The fields about attention, checked."""
    heads = _of_each_layer(fields, "num_attention_heads_per_layer", HEADS, layers)
    return AttentionFields(fields, hidden, layers, heads, _kv_heads(fields, heads, layers), _keeps_kv(fields, layers))


def _of_each_layer(fields: Fields, listed: str, names: Sequence[str], layers: int) -> list[int]:
    """Heads of each layer: listed, or under one of `names`."""
    if listed not in fields:
        return fields.per_layer(names, layers, high=MOST_HEADS)
    fields.ignore(*names)
    return fields.per_layer((listed,), layers, high=MOST_HEADS)


def _kv_heads(fields: Fields, heads: list[int], layers: int) -> list[int]:
    single = fields.flag("multi_query") and not fields.flag("new_decoder_architecture")
    if fields.values.get("attn_type") in MPT_KINDS:
        single = single or fields.get("attn_type") == "multiquery_attention"
    if single or (fields.flag("multi_query_attention") and "multi_query_group_num" not in fields):
        fields.ignore(*KV_HEADS)
        return [1] * layers
    if "multi_query_attention" in fields and not fields.flag("multi_query_attention"):
        fields.ignore(*KV_HEADS)
        return heads
    if fields.get("model_type") in ("falcon", "RefinedWebModel", "RefinedWeb"):
        plain = not fields.flag("new_decoder_architecture") and "n_head_kv" not in fields
        if plain:
            fields.ignore(*KV_HEADS)
            return heads
    given = fields.name(("num_key_value_heads_per_layer",)) or fields.name(KV_HEADS)
    return _of_each_layer(fields, "num_key_value_heads_per_layer", KV_HEADS, layers) if given else heads


def _keeps_kv(fields: Fields, layers: int) -> list[bool]:
    """Layers with keys and values of their own: the last ones may use those of earlier layers, or every other one."""
    shared = fields.whole(("num_kv_shared_layers",), 0, low=0, high=layers - 1)
    fields.ignore("cla_share_factor")
    factor = fields.whole(("cla_share_factor",), 1, high=MOST_LAYERS) if fields.flag("use_cla") else 1
    return [i < layers - shared and i % factor == 0 for i in range(layers)]


def _is_latent(fields: Fields) -> bool:
    """Whether attention is latent: as `use_mla` says, which some types have, else because it has a latent."""
    latent = fields.flag("use_mla", "kv_lora_rank" in fields)
    if not latent and "use_mla" in fields:
        fields.ignore("kv_lora_rank", "q_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim")
    return latent


def _head_dim(fields: Fields, hidden: int, heads: int) -> int:
    key = fields.name(HEAD_DIM)
    if key is not None:
        return fields.whole((key,), high=WIDEST)
    if hidden % heads:
        raise fields.refuse(
            fields.name(HEADS) or HEADS[0], f"{heads} heads do not divide {hidden} (hidden size); give head_dim"
        )
    return hidden // heads


def _sliding_shape(
    fields: Fields, heads: int, kv_heads: int, head_dim: int, value_dim: int
) -> tuple[int, int, int, int]:
    """Heads and widths of layers with a window, where they have their own."""
    other = fields.nested("attention_other_setting")
    if other is not None:
        other_heads = other.whole(HEADS, heads, high=MOST_HEADS)
        other_dim = other.whole(HEAD_DIM, head_dim)
        return other_heads, other.whole(KV_HEADS, kv_heads, high=MOST_HEADS), other_dim, other_dim
    return (
        fields.whole(("swa_num_attention_heads",), heads, high=MOST_HEADS),
        fields.whole(("swa_num_key_value_heads",), kv_heads, high=MOST_HEADS),
        fields.whole(("swa_head_dim",), head_dim),
        fields.whole(("swa_v_head_dim",), value_dim),
    )


def _window(fields: Fields, kind: MixerKind) -> tuple[int | None, int]:
    """Tokens that a query looks back at, and how many it attends to on average where that differs."""
    if kind == "chunked":
        size = fields.whole(("attention_chunk_size",), high=LONGEST_CONTEXT)
        return size, (size + 1) // 2
    if kind == "sliding":
        return fields.whole((fields.name(WINDOW) or WINDOW[0],), high=LONGEST_CONTEXT), 0
    return None, 0


def _gate_width(fields: Fields, heads: int, value_dim: int) -> int:
    """Columns of a gate on the output of attention: one for each head, or one for each of its numbers.

    Of `gating` (Laguna), true means one for each head.
    """
    if fields.flag("use_head_wise_attn_gate"):
        return heads
    gating = fields.get("gating", False)
    if gating not in (False, True, "per-head", "per-element"):
        raise fields.error("gating", "true, false, per-head or per-element")
    if gating in (True, "per-head"):
        return heads
    full = [fields.flag(key) for key in ("attn_output_gate", "attention_output_gate", "mla_use_output_gate")]
    return heads * value_dim if gating or any(full) else 0
