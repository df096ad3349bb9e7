"""A plain model as a `config.json` describes it, and the reader on variants of it."""

from typing import Any

import pytest

from agentsim_env.hardware import UnknownHardwareError
from agentsim_env.hardware.huggingface import model_from_fields
from agentsim_env.hardware.layers import Experts
from agentsim_env.hardware.model import Model

PLAIN: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "num_hidden_layers": 16,
    "tie_word_embeddings": False,
}
LAYER_KV = 2 * 8 * 128 * 2  # bytes of a token in one layer of it
MLA = {"kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128}


def read(**changes: Any) -> Model:
    return model_from_fields({**PLAIN, **changes}, "a-model", "config.json")


def refused(match: str, **changes: Any) -> None:
    with pytest.raises(UnknownHardwareError, match=match) as caught:
        read(**changes)
    assert str(caught.value).startswith("config.json: ")


def full_layers(model: Model) -> int:
    return sum(count for count, _ in model.growing())


def experts_of(model: Model) -> tuple[int, Experts]:
    """How many layers have experts, and which."""
    ((count, experts),) = [(a.count, a.experts) for a in model.layers_alike if a.experts is not None]
    return count, experts
