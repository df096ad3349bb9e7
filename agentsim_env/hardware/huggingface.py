"""A model described by its Hugging Face `config.json`, read from a local file."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentsim_env.hardware.dtypes import UnknownHardwareError
from agentsim_env.hardware.model import Model


def model_from_config(path: Path) -> Model:
    """Describe a model by its Hugging Face `config.json`.

    Args:
        path: Local file; nothing is downloaded.

    Raises:
        UnknownHardwareError: If a field that the latency model needs is missing, or attention is latent (MLA).
    """
    config: dict[str, Any] = json.loads(path.read_text())
    config = config.get("text_config", config)
    if config.get("kv_lora_rank"):
        raise UnknownHardwareError(f"{path}: latent attention (kv_lora_rank) is not modelled")
    required = ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size", "vocab_size")
    missing = [key for key in required if config.get(key) is None]
    if missing:
        raise UnknownHardwareError(f"{path}: missing {', '.join(missing)}")
    heads = config["num_attention_heads"]
    experts = _first(config, ("num_experts", "num_local_experts", "n_routed_experts"), 0)
    expert_width = _first(config, ("moe_intermediate_size",), config["intermediate_size"])
    shared = config.get("shared_expert_intermediate_size") or (config.get("n_shared_experts") or 0) * expert_width
    return Model(
        name=str(config.get("_name_or_path") or path.parent.name or path.stem),
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        heads=heads,
        kv_heads=_first(config, ("num_key_value_heads",), heads),
        head_dim=_first(config, ("head_dim",), config["hidden_size"] // heads),
        intermediate=config["intermediate_size"],
        vocab=config["vocab_size"],
        max_context_tokens=_first(config, ("max_position_embeddings",), 131072),
        source=str(path),
        experts=experts,
        experts_per_token=_first(config, ("num_experts_per_tok",), 0) if experts else 0,
        expert_intermediate=expert_width if experts else 0,
        shared_intermediate=shared if experts else 0,
        tied_embeddings=bool(config.get("tie_word_embeddings", False)),
    )


def _first(config: Mapping[str, Any], keys: Sequence[str], default: int) -> int:
    return next((config[key] for key in keys if config.get(key) is not None), default)
