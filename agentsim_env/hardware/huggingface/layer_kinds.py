"""Which layer is of which kind: the many ways in which a `config.json` says it, brought to one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agentsim_env.hardware.huggingface.fields import MOST_LAYERS, Fields

MixerKind = Literal["full", "sliding", "chunked", "recurrent", "both", "none"]
MlpKind = Literal["by place", "dense", "experts", "none"]


@dataclass(frozen=True)
class LayerKind:
    """How one layer mixes tokens (`both`: attention and a recurrence side by side), and what follows.

    Attributes:
        mixer: The mixer.
        mlp: `by place`: an MLP or experts, as the fields about experts say.
    """

    mixer: MixerKind
    mlp: MlpKind = "by place"


WORDS: Mapping[str, MixerKind] = {
    "full_attention": "full",
    "attention": "full",
    "full": "full",
    "global": "full",
    "global_attention": "full",
    "deepseek_sparse_attention": "full",
    "indexed_attention": "full",
    "sliding_attention": "sliding",
    "sliding_window_attention": "sliding",
    "sliding": "sliding",
    "local": "sliding",
    "local_attention": "sliding",
    "swa": "sliding",
    "chunked_attention": "chunked",
    "linear_attention": "recurrent",
    "recurrent": "recurrent",
    "mamba": "recurrent",
    "mamba2": "recurrent",
    "conv": "recurrent",
    "hybrid": "both",
}
ALONE: Mapping[str, LayerKind] = {  # layers that are a mixer or an MLP (Nemotron-H), by letter and by word
    "M": LayerKind("recurrent", "none"),
    "*": LayerKind("full", "none"),
    "E": LayerKind("none", "experts"),
    "-": LayerKind("none", "dense"),
    "mamba": LayerKind("recurrent", "none"),
    "linear_attention": LayerKind("recurrent", "none"),
    "attention": LayerKind("full", "none"),
    "full_attention": LayerKind("full", "none"),
    "moe": LayerKind("none", "experts"),
    "mlp": LayerKind("none", "dense"),
}


# Fields that place kinds of layers; where several are given, the first that is asked for counts.
PLACES = (
    "attention_chunk_size",
    "attn_layer_indices",
    "attn_layer_period",
    "attn_layer_offset",
    "full_attention_interval",
    "full_attn_idxs",
    "layer_switch",
    "global_attn_every_n_layers",
    "max_window_layers",
    "no_rope_layers",
    "sliding_window",
    "sliding_window_pattern",
    "sliding_window_size",
    "use_sliding_window",
)

STATE_SIZES = (
    "mamba_d_state",
    "mamba_state_dim",
    "mamba_num_heads",
    "mamba_n_heads",
    "ssm_state_size",
    "linear_num_value_heads",
    "conv_L_cache",
    "lru_width",
)


def layer_kinds(fields: Fields, layers: int) -> list[LayerKind]:
    """The kind of each layer.

    Raises:
        UnknownHardwareError: If a field names a kind that is not modelled, or has too few entries.
    """
    if "hybrid_override_pattern" in fields:
        return _letters(fields, layers)
    fields.ignore(*PLACES)
    if fields.get("model_type") in ("nemotron_h", "nemotron_h_puzzle"):
        words = fields.words("layers_block_type", layers, ALONE)
        if words is None:
            raise fields.missing("hybrid_override_pattern", "layers_block_type")
        return [ALONE[word] for word in words]
    if fields.get("every_layer") == "mixer":
        return [LayerKind("recurrent", "none")] * layers
    mixers = _listed(fields, layers) or _placed(fields, layers)
    if mixers is None:
        _check_no_state(fields)
        mixers = _windowed(fields, layers)
    return [LayerKind(mixer) for mixer in mixers]


def listed_layers(fields: Fields) -> int | None:
    """How many layers the list of their kinds has; files of some hybrids give no other number."""
    for key in ("layers_block_type", "layer_types", "hybrid_override_pattern"):
        listed = fields.values.get(key)
        if isinstance(listed, list | str) and listed:
            return len(listed)
    return None


def _check_no_state(fields: Fields) -> None:
    """Where nothing says which layers are recurrent, no field may say how large the state of one is."""
    sizes = [key for key in STATE_SIZES if key in fields.values]
    if sizes:
        raise fields.refuse(
            sizes[0],
            "it is about recurrent layers, and no field that is understood says which layers those are; known are "
            "layer_types, layers_block_type, hybrid_override_pattern, attn_layer_indices, attn_layer_period, "
            "full_attn_idxs, full_attention_interval",
        )


def _letters(fields: Fields, layers: int) -> list[LayerKind]:
    pattern = fields.word("hybrid_override_pattern")
    fields.ignore("layers_block_type")
    if len(pattern) != layers or not set(pattern) <= set("ME*-"):
        raise fields.error(
            "hybrid_override_pattern",
            f"{layers} letters, one a layer: M (Mamba-2), * (attention), E (experts), - (MLP)",
        )
    return [ALONE[letter] for letter in pattern]


def _listed(fields: Fields, layers: int) -> Sequence[MixerKind] | None:
    """A word, or a number that stands for one, for each layer."""
    for key in ("layer_types", "layers_block_type"):
        words = fields.words(key, layers, WORDS)
        if words is not None:
            if fields.get("use_sliding_window") is False and any(WORDS[word] == "sliding" for word in words):
                fields.warn(f"use_sliding_window is false, and {key} has layers with a window: {key} counts")
            return [WORDS[word] for word in words]
    repeated = fields.get("block_types")
    if repeated is not None:
        if not isinstance(repeated, list) or not repeated:
            raise fields.error("block_types", "a list of kinds of layers, which repeats")
        words = fields.words("block_types", len(repeated), WORDS) or []
        return [WORDS[words[i % len(words)]] for i in range(layers)]
    if "attn_type_list" in fields:
        return [
            "full" if kind else "recurrent" for kind in fields.per_layer(("attn_type_list",), layers, low=0, high=1)
        ]
    if "hybrid_layer_pattern" in fields:
        kinds = fields.per_layer(("hybrid_layer_pattern",), layers, low=0, high=1)
        return ["sliding" if kind else "full" for kind in kinds]
    return None


def _placed(fields: Fields, layers: int) -> Sequence[MixerKind] | None:
    """Attention layers among recurrent ones, by their numbers or by a period."""
    attention: set[int] | None = None
    for key in ("attn_layer_indices", "full_attn_idxs"):
        attention = fields.indices(key, layers) if attention is None else attention
    linear = fields.nested("linear_attn_config")
    if attention is None and linear is not None:
        recurrent = linear.indices("kda_layers", layers, first=1)
        if recurrent is None:
            raise linear.missing("kda_layers")
        attention = set(range(layers)) - recurrent
    if attention is None and "attn_layer_period" in fields:
        period = fields.whole(("attn_layer_period",), high=MOST_LAYERS)
        offset = fields.whole(("attn_layer_offset",), 0, low=0, high=MOST_LAYERS)
        attention = {i for i in range(layers) if (i - offset) % period == 0}
    if attention is None and "full_attention_interval" in fields:
        interval = fields.whole(("full_attention_interval",), high=MOST_LAYERS)
        attention = {i for i in range(layers) if (i + 1) % interval == 0}
    if attention is None:
        return ["both" for _ in range(layers)] if fields.get("every_layer") == "both" else None
    return ["full" if i in attention else "recurrent" for i in range(layers)]


def _windowed(fields: Fields, layers: int) -> Sequence[MixerKind]:
    """Layers with a window or chunks of attention among those without."""
    if "attention_chunk_size" in fields:
        chunked = fields.get("no_rope_layers")
        if chunked:
            flags = fields.per_layer(("no_rope_layers",), layers, low=0, high=1)
        else:
            interval = fields.whole(("no_rope_layer_interval",), 4, high=MOST_LAYERS)
            flags = [int((i + 1) % interval != 0) for i in range(layers)]
        return ["chunked" if flag else "full" for flag in flags]
    first = fields.whole(("max_window_layers",), 0, low=0, high=MOST_LAYERS)
    window = fields.name(("sliding_window", "sliding_window_size"))
    if window is None or fields.get(window) in (0, -1) or not fields.flag("use_sliding_window", True):
        return ["full" for _ in range(layers)]
    key = fields.name(("sliding_window_pattern", "layer_switch", "global_attn_every_n_layers"))
    pattern = fields.get(key) if key else None
    if isinstance(pattern, str):
        if not pattern or not set(pattern) <= set("LG"):
            raise fields.error(key or "", "a number, or letters L (window) and G (whole context)")
        opened = [pattern[i % len(pattern)] == "G" for i in range(layers)]
    elif pattern is not None:
        every = fields.whole((key or "",), high=MOST_LAYERS)
        opened = [(i + 1) % every == 0 for i in range(layers)]
    else:
        opened = [i < first for i in range(layers)]
    return ["full" if whole else "sliding" for whole in opened]
