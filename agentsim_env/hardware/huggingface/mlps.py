"""MLP or experts of each layer, from the fields of a `config.json`."""

import re

from agentsim_env.hardware.huggingface.fields import MOST_EXPERTS, MOST_LAYERS, WIDEST, Fields
from agentsim_env.hardware.huggingface.layer_kinds import LayerKind
from agentsim_env.hardware.huggingface.model_types import ModelType
from agentsim_env.hardware.layers import Experts, Mlp

WIDTH = ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", "d_ff")
DENSE_WIDTH = (
    "intermediate_size_mlp",
    "block_ff_dim",
    "mlp_intermediate_size",
    "dense_intermediate_size",
)  # of dense layers, where it differs
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "num_routed_experts")
PER_TOKEN = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "experts_per_token",
    "moe_topk",
    "moe_top_k",
    "top_k_experts",
    "moe_k",
    "num_selected_experts",
)
EXPERT_WIDTH = ("moe_intermediate_size", "expert_intermediate_size", "expert_ffn_hidden_size", "moe_ffn_hidden_size")
SHARED_COUNT = ("n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts")
SHARED_WIDTH = ("shared_expert_intermediate_size", "shared_intermediate_size", "share_expert_dim")
SHARED_WIDTH_EACH = ("moe_shared_expert_intermediate_size",)
FIRST_DENSE = ("first_k_dense_replace", "num_dense_layers", "moe_layer_num_skipped")
STEP = ("moe_layer_freq", "moe_every_n_layers", "moe_every_n_layer")
SPARSE_STEP = ("decoder_sparse_step", "interleave_moe_layer_step")
PLACES = (  # fields that say which layers have experts
    *FIRST_DENSE,
    *STEP,
    *SPARSE_STEP,
    "expert_layer_offset",
    "expert_layer_period",
    "is_moe_layer",
    "mlp_layer_types",
    "mlp_only_layers",
    "moe_layer_end_index",
    "moe_layer_interval",
    "moe_layer_start_index",
    "moe_layers",
    "moe_layers_enum",
)
GATED = ("ffn_with_glu", "use_glu", "gated_mlp", "mlp_gated", "use_gated_mlp", "use_gated_activation")
ABOUT_PLACES = re.compile(r"moe_layer|moe_every_n_layer")  # whatever they say, of a model without experts


def mlps(fields: Fields, kinds: list[LayerKind], hidden: int, kind_of_model: ModelType) -> list[Mlp | Experts | None]:
    """The MLP of each layer, `None` where a layer has none."""
    layers = len(kinds)
    gated = _is_gated(fields, kind_of_model.gated)
    with_experts = _experts_at(fields, kinds)
    with_dense = any(not experts and kind.mlp != "none" for experts, kind in zip(with_experts, kinds, strict=True))
    widths = _dense_widths(fields, hidden, layers, gated) if with_dense else [0] * layers
    experts = _experts(fields, with_experts, gated, hidden) if any(with_experts) else [None] * layers
    fields.ignore(*WIDTH, *DENSE_WIDTH)
    dense = [None if kind.mlp == "none" else Mlp(width, gated) for kind, width in zip(kinds, widths, strict=True)]
    return [one or other for one, other in zip(experts, dense, strict=True)]


def _is_gated(fields: Fields, known: bool | None) -> bool:
    """A squared ReLU stands alone, as xIELU does; MLPs of others have a gate unless their `model_type` has none."""
    with_gate = all([fields.flag(key, True) for key in GATED])
    name = fields.name(("hidden_act", "mlp_hidden_act", "hidden_activation", "activation_function"))
    if known is not None:
        return known
    return with_gate and (name is None or fields.get(name) not in ("relu2", "xielu"))


def _experts_at(fields: Fields, kinds: list[LayerKind]) -> list[bool]:
    layers = len(kinds)
    fields.ignore(*PLACES)  # where several are given, a list counts
    if any(kind.mlp == "experts" for kind in kinds):
        return [kind.mlp == "experts" for kind in kinds]
    has = fields.get("enable_moe_block") is not False and fields.name(EXPERTS) is not None
    alone = [count > 1 for count in _counts(fields, layers)] if has else [False] * layers
    if not any(alone):
        fields.ignore_like(ABOUT_PLACES)
        fields.ignore(*EXPERTS, *PER_TOKEN, *EXPERT_WIDTH, *SHARED_COUNT, *SHARED_WIDTH, *SHARED_WIDTH_EACH)
        return [False] * layers
    placed = _placed(fields, layers)
    return [alone[i] and placed[i] and kinds[i].mlp == "by place" for i in range(layers)]


def _counts(fields: Fields, layers: int) -> list[int]:
    key = fields.name(EXPERTS)
    return fields.per_layer((key,) if key else EXPERTS, layers, low=0, high=MOST_EXPERTS)


def _placed(fields: Fields, layers: int) -> list[bool]:
    """Which layers have experts, by the fields that choose among them; all of those that are given must agree."""
    every = list(range(layers))
    listed = _listed(fields, layers)
    if listed is not None:
        return [i in listed for i in every]
    first = fields.whole(FIRST_DENSE, 0, low=0, high=MOST_LAYERS)
    chosen = {i for i in every if i >= first}
    if isinstance(fields.get("moe_layer_freq"), list):
        flags = fields.per_layer(("moe_layer_freq",), layers, low=0, high=1)
        chosen &= {i for i in every if flags[i]}
    else:
        step = fields.whole(STEP, 1, high=MOST_LAYERS)
        chosen &= {i for i in every if i % step == 0}
    sparse = fields.whole(SPARSE_STEP, 1, low=0, high=MOST_LAYERS)
    chosen &= {i for i in every if sparse and (i + 1) % sparse == 0}
    chosen -= fields.indices("mlp_only_layers", layers) or set()
    interval = fields.whole(("moe_layer_interval",), 1, high=MOST_LAYERS)
    start = fields.whole(("moe_layer_start_index",), 0, low=0, high=MOST_LAYERS)
    end = fields.whole(("moe_layer_end_index",), -1, low=-1, high=MOST_LAYERS)
    chosen &= {i for i in every if (i + 1) % interval == 0 and start <= i <= (layers - 1 if end < 0 else end)}
    if "expert_layer_period" in fields:
        period = fields.whole(("expert_layer_period",), high=MOST_LAYERS)
        offset = fields.whole(("expert_layer_offset",), 0, low=0, high=MOST_LAYERS)
        chosen &= {i for i in every if (i - offset) % period == 0}
    return [i in chosen for i in every]


def _listed(fields: Fields, layers: int) -> set[int] | None:
    """Layers with experts, where a list names them."""
    words = fields.words("mlp_layer_types", layers, ("dense", "sparse"))
    if words is not None:
        return {i for i, word in enumerate(words) if word == "sparse"}
    text = fields.get("moe_layers_enum")
    if text is not None:
        if not isinstance(text, str) or not all(part.strip().isdecimal() for part in text.split(",")):
            raise fields.error("moe_layers_enum", "numbers of layers with commas between them")
        return {int(part) for part in text.split(",") if len(part) < 6}
    flags = fields.get("is_moe_layer")
    if flags is not None:
        if not isinstance(flags, list) or len(flags) < layers or not all(isinstance(flag, bool) for flag in flags):
            raise fields.error("is_moe_layer", f"a list of true and false, one for each of the {layers} layers")
        return {i for i in range(layers) if flags[i]}
    return fields.indices("moe_layers", layers)


def _dense_widths(fields: Fields, hidden: int, layers: int, gated: bool) -> list[int]:
    if "ffn_multipliers" in fields:
        return _multiplied_widths(fields, hidden, layers)
    key = fields.name(DENSE_WIDTH) or fields.name(WIDTH)
    if key is None and "expansion_ratio" in fields:
        return [fields.whole(("expansion_ratio",), high=64) * hidden] * layers
    if key is None and (gated or fields.get("mlp_width_from_hidden") is None):
        raise fields.missing(*WIDTH)
    widths = [4 * hidden] * layers if key is None else fields.per_layer((key,), layers)
    if fields.flag("block_auto_adjust_ff_dim"):
        scale = fields.number("block_ffn_dim_multiplier", 1.0, 0.01, 100.0)
        multiple = fields.whole(("block_multiple_of",), 256)
        widths = [-(-int(scale * (2 * width // 3)) // multiple) * multiple for width in widths]
    if fields.get("model_type") in ("qwen", "recurrent_gemma"):  # they count gate and up together
        widths = [max(1, width // 2) for width in widths]
    if fields.flag("use_double_wide_mlp"):
        shared = fields.whole(("num_kv_shared_layers",), 0, low=0, high=layers - 1)
        widths = [width * (2 if i >= layers - shared > 0 and shared else 1) for i, width in enumerate(widths)]
    return widths


def _multiplied_widths(fields: Fields, hidden: int, layers: int) -> list[int]:
    """Widths as multiples of the hidden size, rounded to a divisor (OpenELM)."""
    multipliers = fields.get("ffn_multipliers")
    numbers = isinstance(multipliers, list) and len(multipliers) >= layers
    if not numbers or not all(type(item) in (int, float) and 0 < item <= 64 for item in multipliers):
        raise fields.error("ffn_multipliers", f"a list of {layers} numbers above 0, at most 64")
    divisor = fields.whole(("ffn_dim_divisor",), 256, high=WIDEST)
    return [_rounded(item * hidden, divisor) for item in multipliers[:layers]]


def _rounded(value: float, divisor: int) -> int:
    nearest = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * value else nearest


def _experts(fields: Fields, at: list[bool], gated: bool, hidden: int) -> list[Experts | None]:
    layers = len(at)
    count_key, chosen_key = fields.name(EXPERTS) or EXPERTS[0], fields.name(PER_TOKEN) or PER_TOKEN[0]
    counts = fields.per_layer((count_key,), layers, low=0, high=MOST_EXPERTS)
    chosen = fields.per_layer((chosen_key,), layers, high=MOST_EXPERTS)
    width_key = fields.name(EXPERT_WIDTH)
    if width_key is None and not fields.flag("experts_have_own_width"):
        width_key = fields.name(WIDTH)
    widths = fields.per_layer((width_key,) if width_key else EXPERT_WIDTH, layers)
    shared = _shared_widths(fields, widths, layers, hidden)
    latent = fields.whole(("moe_latent_size", "routed_expert_hidden_size"), 0, low=0)
    found: list[Experts | None] = [None] * layers
    for i in (i for i in range(layers) if at[i]):
        if counts[i] == 0:
            raise fields.error(count_key, f"at least 1: layer {i} has experts")
        if chosen[i] > counts[i]:
            raise fields.error(chosen_key, f"at most {counts[i]}, the number of experts")
        found[i] = Experts(counts[i], chosen[i], widths[i], shared[i], gated, latent)
    return found


def _shared_widths(fields: Fields, widths: list[int], layers: int, hidden: int) -> list[int]:
    """Width of what every token passes beside the routed experts."""
    if fields.flag("dense_beside_experts") or fields.flag("residual_moe"):
        return _dense_widths(fields, hidden, layers, True)
    if fields.flag("shared_as_wide_as_experts"):
        return widths
    count_key, total_key, each_key = (
        fields.name(SHARED_COUNT),
        fields.name(SHARED_WIDTH),
        fields.name(SHARED_WIDTH_EACH),
    )
    counts = fields.per_layer((count_key,), layers, low=0, high=MOST_EXPERTS) if count_key else None
    if total_key:
        return fields.per_layer((total_key,), layers, low=0)
    if each_key:
        each = fields.per_layer((each_key,), layers, low=0)
        return [width * (1 if counts is None else counts[i]) for i, width in enumerate(each)]
    return [0] * layers if counts is None else [counts[i] * widths[i] for i in range(layers)]
