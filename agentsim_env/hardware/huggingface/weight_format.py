"""The number format of the published weights, from `quantization_config`."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from agentsim_env.hardware.dtypes import UnknownHardwareError
from agentsim_env.hardware.huggingface.fields import Fields
from agentsim_env.hardware.layers import Part
from agentsim_env.hardware.model import Checkpoint

IN_16_BITS = ("modules_to_not_convert", "ignored_layers", "ignore", "exclude_modules", "modules_to_not_quantize")
WHOLE_MLP = r"(mlp|ffn|feed_forward|moe)\W*$"
PARTS: Mapping[Part, re.Pattern[str]] = {
    "attention": re.compile(r"attn|attention|mamba|mixer(?!.*(expert|up_proj|down_proj))|\b(q|o|qkv)_proj"),
    "shared": re.compile(r"shared_experts?(?!_gate)|" + WHOLE_MLP),
    "mlp": re.compile(r"mlp(?!.*expert).*(up|down|gate_up)|" + WHOLE_MLP),
    "experts": re.compile(r"(?<!shared_)experts?\b|" + WHOLE_MLP),
}
# Modules outside the language model's layers, without a matrix, or small beside the others of their part.
ASIDE = re.compile(
    r"vision|visual|audio|image|projector|embed|norm|router|gate\$?$|a_log|dt_bias|conv1d|in_proj_(ba|a|b)\b"
    r"|\b[kv]_proj|kv_[ab]_|indexer",
    re.IGNORECASE,
)
FORMATS = {"FP8": "fp8", "NVFP4": "fp4", "MXFP4": "mxfp4"}
LONGEST_PATTERN = 500
ALLOWED = (
    "fp8, fbgemm_fp8, mxfp4, modelopt (FP8, NVFP4), compressed-tensors (floats of 8 or 4 bits, integers of 4 bits) and "
    "awq, gptq, auto-round of 4 bits"
)


def checkpoint(fields: Fields, layers: int) -> Checkpoint:
    """The format of the weights; 16 bits where nothing is said (32-bit ones are narrowed by engines).

    Raises:
        UnknownHardwareError: If the format is one that is not costed.
    """
    _ = "torch_dtype" in fields, "dtype" in fields
    if "quantization" in fields and fields.get("quantization_config") in (None, fields.get("quantization")):
        raise fields.refuse("quantization", f"not costed; of quantization_config, these are: {ALLOWED}")
    quantised = fields.nested("quantization_config")
    if quantised is None or not quantised.values:
        return Checkpoint()
    for key in ("kv_cache_scheme", "kv_cache_quant_algo"):
        if quantised.get(key):
            quantised.warn(f"{key} is given; the engine's kv_dtype counts: fp8 where KV is to be kept in 8 bits")
    return Checkpoint(_dtype(quantised), _kept(quantised, layers))


def _dtype(quantised: Fields) -> str:
    method = quantised.word("quant_method").lower().removesuffix("_marlin").replace("_", "-")
    if method in ("fp8", "fbgemm-fp8", "mxfp4"):
        return "mxfp4" if method == "mxfp4" else "fp8"
    if method in ("awq", "gptq", "auto-round"):
        bits = quantised.whole(("bits", "w_bit"), 4, high=64)
        if bits != 4:
            raise quantised.refuse("bits", "only integers of 4 bits are costed")
        return "int4"
    if method == "compressed-tensors" or (method.startswith("modelopt") and "quant_algo" not in quantised):
        return _of_groups(quantised)
    if method.startswith("modelopt") and quantised.word("quant_algo").upper() in FORMATS:
        return FORMATS[quantised.word("quant_algo").upper()]
    key = "quant_algo" if method.startswith("modelopt") else "quant_method"
    raise quantised.refuse(key, f"not costed; these are: {ALLOWED}")


def _of_groups(quantised: Fields) -> str:
    groups = quantised.nested("config_groups")
    found: set[str] = set()
    for name in () if groups is None else groups.values:
        group = groups.nested(name) if groups is not None else None
        weights = None if group is None else group.nested("weights")
        if weights is not None:
            found.add(_of_weights(weights, quantised.get("format") or (group.get("format") if group else None)))
    if len(found) != 1:
        which = " and ".join(sorted(found)) or "no format"
        raise UnknownHardwareError(f"{quantised.place}: config_groups: {which}; one format for all of them is costed")
    return found.pop()


def _of_weights(weights: Fields, form: Any) -> str:
    bits, kind = weights.whole(("num_bits",), high=64), weights.word("type", "int")
    if (bits, kind) == (8, "float"):
        return "fp8"
    if (bits, kind) == (4, "float"):
        return "mxfp4" if "mxfp4" in str(form) or weights.get("group_size") == 32 else "fp4"
    if (bits, kind) == (4, "int"):
        return "int4"
    raise weights.refuse("num_bits", f"weights of {bits} bits of type {kind} are not costed; these are: {ALLOWED}")


def _kept(quantised: Fields, layers: int) -> frozenset[Part]:
    """Parts of the layers that stay in 16 bits.

    Those named for all layers, or for more than half of them; and, where only some parts are named to be quantised, the
    others. Patterns are told by the words in them: none from a file is evaluated.
    """
    named = [name[:LONGEST_PATTERN] for name in _left_alone(quantised)]
    named = [name for name in named if not ASIDE.search(name)]
    kept: set[Part] = {part for part in PARTS if _covers(filter(PARTS[part].search, named), layers)}
    targets = [
        {part for part, regex in PARTS.items() if regex.search(target[:LONGEST_PATTERN])}
        for target in _targets(quantised)
    ]
    if targets and all(targets):
        kept |= {part for part in PARTS if not any(part in target for target in targets)}
    return frozenset(kept)


def _left_alone(quantised: Fields) -> list[str]:
    """Names, or patterns of names, of modules that are not quantised."""
    found: list[str] = []
    for key in IN_16_BITS:
        value = quantised.get(key, [])
        if not isinstance(value, list):
            raise quantised.error(key, "a list of names of modules")
        found += [item for item in value if isinstance(item, str)]
    for name in _object(quantised.get("dynamic")):  # GPTQModel
        found += [name] if name.startswith("-:") else []
    for name, own in _object(quantised.get("extra_config")).items():  # auto-round
        found += [name] if _object(own).get("bits") in (16, 32) else []
    return found


def _targets(quantised: Fields) -> list[str]:
    groups = _object(quantised.get("config_groups")).values()
    lists = [_object(group).get("targets") for group in groups]
    return [target for items in lists if isinstance(items, list) for target in items if isinstance(target, str)]


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _covers(patterns: Iterable[str], layers: int) -> bool:
    numbered: set[str] = set()
    for pattern in patterns:
        if (found := re.search(r"layers\\?\.(\d+)\b", pattern)) is None:
            return True
        numbered.add(found.group(1))
    return 2 * len(numbered) > layers
