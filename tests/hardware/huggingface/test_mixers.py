"""Gates on the output of attention, as their field means them."""

from typing import Any

import pytest

from agentsim_env.hardware.huggingface import model_from_fields
from agentsim_env.hardware.layers import Attention

SHAPE = {
    "hidden_size": 512,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "intermediate_size": 1024,
}


@pytest.mark.parametrize(
    ("gating", "columns"), [(True, 8), ("per-head", 8), ("per-element", 8 * 64), (False, 0), (None, 0)]
)
def test_a_gate_has_one_column_a_head_unless_it_says_otherwise(gating: Any, columns: int) -> None:
    (mixer,) = model_from_fields({**SHAPE, "gating": gating}, "made-up", "made-up").layers_alike[0].mixers
    assert isinstance(mixer, Attention)
    assert mixer.gate_width == columns
