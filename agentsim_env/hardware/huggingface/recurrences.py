"""Mixers with a state of constant size, from the fields of a `config.json`."""

import re

from agentsim_env.hardware.dtypes import UnknownHardwareError
from agentsim_env.hardware.huggingface.fields import MOST_HEADS, Fields
from agentsim_env.hardware.huggingface.structure import check_structure
from agentsim_env.hardware.layers import Recurrence

LONGEST_KERNEL = 64
FIELDS = re.compile(  # about sizes; which layers are recurrent is another matter
    r"(?!.*(layer|every|period|interval|freq|pattern|cfg|step$))"
    r"(mamba_|linear_(num|key|value|conv)|ssm_|state_size$|conv_|n_groups$|expand$|lru_width$|time_step_rank$)"
)
STATE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "auto": 2}


def recurrence(fields: Fields, hidden: int) -> Recurrence:
    """The recurrent mixer that the fields describe.

    Raises:
        UnknownHardwareError: If no known one is described.
    """
    if "linear_num_value_heads" in fields:
        return _gated_delta(fields)
    if "linear_attn_config" in fields:
        return _kimi_delta(fields, hidden)
    if "conv_L_cache" in fields:
        return _short_convolution(fields, hidden)
    if "lru_width" in fields or "attention_window_size" in fields:
        return _gated_lru(fields, hidden)
    if "attn_type_list" in fields or fields.get("model_type") == "minimax":
        return _lightning(fields, hidden)
    if fields.name(("mamba_num_heads", "mamba_n_heads")) or fields.get("model_type") == "mamba2":
        return _mamba_2(fields, hidden)
    if fields.name(("mamba_d_state", "state_size")):
        return _mamba(fields, hidden)
    raise UnknownHardwareError(
        f"{fields.place}: some layers are linear attention or recurrent, but no field says how large their state is; "
        "known are linear_num_value_heads (gated delta net), linear_attn_config, mamba_num_heads, mamba_d_state, "
        "conv_L_cache, attn_type_list, lru_width"
    )


def _state_value_bytes(fields: Fields) -> int:
    key = fields.name(("mamba_ssm_dtype", "mamba_ssm_cache_dtype"))
    dtype = fields.word(key) if key else "auto"
    if dtype not in STATE_BYTES:
        raise fields.error(key or "", f"one of {', '.join(STATE_BYTES)}")
    return STATE_BYTES[dtype]


def _gated_delta(fields: Fields) -> Recurrence:
    """Gated delta net (Qwen3-Next, Qwen3.5): a (key, value) matrix for each value head."""
    key_heads = fields.whole(("linear_num_key_heads",), high=MOST_HEADS)
    value_heads = fields.whole(("linear_num_value_heads",), high=MOST_HEADS)
    key_dim = fields.whole(("linear_key_head_dim",))
    value_dim = fields.whole(("linear_value_head_dim",))
    kernel = fields.whole(("linear_conv_kernel_dim",), 4, high=LONGEST_KERNEL)
    keys, values = key_heads * key_dim, value_heads * value_dim
    return Recurrence(
        heads=min(key_heads, value_heads),
        input_width=2 * keys + 2 * values + 2 * value_heads,
        output_width=values,
        state_values=value_heads * key_dim * value_dim,
        state_value_bytes=_state_value_bytes(fields),
        convolution_values=(kernel - 1) * (2 * keys + values),
    )


def _kimi_delta(fields: Fields, hidden: int) -> Recurrence:
    """Kimi delta attention: decays and gates, of low rank or not, beside queries, keys and values."""
    inner = fields.nested("linear_attn_config")
    assert inner is not None
    heads, head_dim = inner.whole(("num_heads",), high=MOST_HEADS), inner.whole(("head_dim",))
    kernel = inner.whole(("short_conv_kernel_size",), 4, high=LONGEST_KERNEL)
    width = heads * head_dim
    full_gate = inner.flag("use_full_rank_gate")
    inner.ignore("kda_layers", "full_attn_layers")
    check_structure(inner)
    return Recurrence(
        heads=heads,
        input_width=3 * width + head_dim + heads + (width if full_gate else head_dim),
        output_width=width,
        other_weights=(1 if full_gate else 2) * head_dim * width,
        state_values=heads * head_dim * head_dim,
        state_value_bytes=4,
        convolution_values=(kernel - 1) * 3 * width,
    )


def _short_convolution(fields: Fields, hidden: int) -> Recurrence:
    """Gated short convolution (LFM2)."""
    kernel = fields.whole(("conv_L_cache",), high=LONGEST_KERNEL)
    width = fields.whole(("conv_dim",), hidden)
    return Recurrence(
        heads=width, input_width=3 * width, output_width=width, convolution_values=max(0, kernel - 1) * width
    )


def _gated_lru(fields: Fields, hidden: int) -> Recurrence:
    """Gated linear recurrent unit (RecurrentGemma): gates are block-diagonal, a block a head."""
    width = fields.whole(("lru_width",), hidden)
    heads = fields.whole(("num_attention_heads",), high=MOST_HEADS)
    kernel = fields.whole(("conv1d_width",), 4, high=LONGEST_KERNEL)
    return Recurrence(
        heads=heads,
        input_width=2 * width,
        output_width=width,
        other_weights=2 * width * width // heads,
        state_values=width,
        state_value_bytes=4,
        convolution_values=(kernel - 1) * width,
    )


def _lightning(fields: Fields, hidden: int) -> Recurrence:
    """Lightning attention (MiniMax-Text-01): queries, keys, values and a gate of equal width."""
    heads = fields.whole(("num_attention_heads",), high=MOST_HEADS)
    head_dim = fields.whole(("head_dim",), max(1, hidden // heads))
    width = heads * head_dim
    fields.ignore("block_size")
    return Recurrence(
        heads=heads,
        input_width=4 * width,
        output_width=width,
        state_values=heads * head_dim * head_dim,
        state_value_bytes=4,
    )


def _mamba_2(fields: Fields, hidden: int) -> Recurrence:
    alone = ("num_heads",) if fields.get("model_type") == "mamba2" else ()
    heads = fields.whole(("mamba_num_heads", "mamba_n_heads", *alone), high=MOST_HEADS)
    inner = fields.whole(("mamba_d_ssm",), fields.whole(("mamba_expand", "expand"), 2) * hidden)
    named = ("mamba_head_dim", "mamba_d_head", *(("head_dim",) if alone else ()))
    key = fields.name(named)
    head_dim = inner // heads if key is None or fields.get(key) == "auto" else fields.whole((key,))
    if head_dim == 0:
        raise fields.refuse("mamba_n_heads", f"more heads than the {inner} of the inner width")
    state = fields.whole(("ssm_state_size", "mamba_d_state", "mamba_state_dim", "state_size"))
    groups = fields.whole(("mamba_n_groups", "n_groups", "mamba_num_groups", "mamba_ngroups"), 1, high=MOST_HEADS)
    kernel = fields.whole(("conv_kernel", "mamba_d_conv"), 4, high=LONGEST_KERNEL)
    width = heads * head_dim
    convolved = width + 2 * groups * state
    return Recurrence(
        heads=heads,
        input_width=width + convolved + heads,
        output_width=width,
        other_weights=kernel * convolved,
        state_values=width * state,
        state_value_bytes=_state_value_bytes(fields),
        convolution_values=(kernel - 1) * convolved,
    )


def _mamba(fields: Fields, hidden: int) -> Recurrence:
    alone = fields.get("every_layer") == "mixer"
    width = fields.whole(("mamba_expand", "expand"), 2) * hidden
    if alone:
        width = fields.whole(("intermediate_size", "d_inner"), width)
    state = fields.whole(("mamba_d_state", "state_size"))
    kernel = fields.whole(("mamba_d_conv", "conv_kernel"), 4, high=LONGEST_KERNEL)
    key = fields.name(("mamba_dt_rank", "time_step_rank"))
    rank = -(-hidden // 16) if key is None or fields.get(key) == "auto" else fields.whole((key,))
    return Recurrence(
        heads=width,
        input_width=2 * width,
        output_width=width,
        other_weights=width * (rank + 2 * state) + rank * width + kernel * width,
        state_values=width * state,
        state_value_bytes=_state_value_bytes(fields),
        convolution_values=(kernel - 1) * width,
    )
