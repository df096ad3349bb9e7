"""Which layers have experts, and what stands beside them: fields that are not understood do not pass."""

from typing import Any

import pytest

from agentsim_env.errors import AgentSimError
from agentsim_env.hardware.huggingface import model_from_fields
from agentsim_env.hardware.layers import Experts, Mlp

SHAPE = {
    "hidden_size": 512,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "intermediate_size": 1024,
}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 256}


def model(**fields: Any):
    return model_from_fields({**SHAPE, **fields}, "made-up", "made-up/config.json")


@pytest.mark.parametrize("field", ["moe_layer_frequency", "moe_layer_pattern", "moe_every_n_layers_offset"])
def test_an_unknown_field_that_places_experts_is_refused(field: str) -> None:
    with pytest.raises(AgentSimError, match=f"not understood: {field}"):
        model(**EXPERTS, **{field: 2})


def test_a_field_that_places_experts_changes_nothing_where_there_are_none() -> None:
    assert model(num_local_experts=1, moe_layer_frequency=2).layers_alike == model().layers_alike


def test_a_list_of_layers_with_experts_counts_more_than_a_period() -> None:
    listed = model(mlp_layer_types=["dense", "sparse", "dense", "dense"], first_k_dense_replace=1, **EXPERTS)
    assert listed.expert_layers == 1


def test_the_width_of_dense_layers_is_that_of_experts_in_some_types_only() -> None:
    experts = {"num_experts": 4, "num_experts_per_tok": 2}
    (layer,) = model(model_type="olmoe", **experts).layers_alike
    assert layer.experts == Experts(4, 2, 1024)
    for kind in ("qwen3_moe", "deepseek_v3", "glm4_moe"):
        with pytest.raises(AgentSimError, match="missing moe_intermediate_size"):
            model(model_type=kind, kv_lora_rank=None, **experts)


def test_a_dense_mlp_beside_the_experts_is_counted() -> None:
    layer = model(residual_moe=True, **EXPERTS).layers_alike[0]
    assert isinstance(layer.mlp, Experts)
    assert layer.mlp.shared_width == 1024


@pytest.mark.parametrize("switch", ["ffn_with_glu", "use_glu", "gated_mlp", "use_gated_mlp", "use_gated_activation"])
def test_a_gate_that_is_switched_off_is_none(switch: str) -> None:
    assert model(**{switch: False}).layers_alike[0].mlp == Mlp(1024, gated=False)


def test_an_mlp_of_xielu_has_no_gate() -> None:
    assert model(hidden_act="xielu").layers_alike[0].mlp == Mlp(1024, gated=False)
