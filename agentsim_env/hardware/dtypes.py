"""Number formats of weights and KV cache."""

from collections.abc import Mapping

from agentsim_env.errors import AgentSimError

# NVFP4 keeps one fp8 scale for 16 weights: 4.5 bits each. MXFP4 keeps one of 8 bits for 32, int4 one of 16 bits and a
# zero point for 128: 4.25 bits or less.
WEIGHT_BYTES: dict[str, float] = {"bf16": 2.0, "fp8": 1.0, "fp4": 0.5625, "mxfp4": 0.53125, "int4": 0.53125}
KV_BYTES: dict[str, int] = {"bf16": 2, "fp8": 1}
WEIGHT_ONLY = ("mxfp4", "int4")  # widened to 16 bits before they are multiplied
_ALIASES = {
    "bfloat16": "bf16",
    "float16": "bf16",
    "fp16": "bf16",
    "auto": "bf16",
    "fp8_e4m3": "fp8",
    "nvfp4": "fp4",
}


class UnknownHardwareError(AgentSimError, ValueError):
    """A GPU, model or number format that no table describes."""


def weight_dtype(name: str) -> str:
    """Our name of a weight format: bf16, fp8, fp4, mxfp4 or int4.

    Raises:
        UnknownHardwareError: If the format is none of these.
    """
    return _resolve(name, WEIGHT_BYTES, "dtype")


def product_dtype(name: str) -> str:
    """The format that weights of the format `name` are multiplied in."""
    return "bf16" if name in WEIGHT_ONLY else name


def kv_dtype(name: str) -> str:
    """Our name of a KV-cache format: bf16 or fp8.

    Raises:
        UnknownHardwareError: If the format is neither.
    """
    return _resolve(name, KV_BYTES, "KV dtype")


def _resolve(name: str, known: Mapping[str, float], what: str) -> str:
    plain = _ALIASES.get(name.lower(), name.lower())
    if plain not in known:
        also = [alias for alias, target in _ALIASES.items() if target in known]
        raise UnknownHardwareError(f"unknown {what} {name!r}; known: {', '.join([*known, *also])}")
    return plain
