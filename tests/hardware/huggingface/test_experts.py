"""Mixtures of experts under all their names."""

from typing import Any

import pytest

from agentsim_env.hardware.layers import Mlp
from tests.hardware.huggingface.plain import experts_of, read, refused


@pytest.mark.parametrize("count", ["num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"])
@pytest.mark.parametrize(
    "per_token",
    [
        "num_experts_per_tok",
        "num_experts_per_token",
        "experts_per_token",
        "moe_topk",
        "moe_top_k",
        "top_k_experts",
        "moe_k",
    ],
)
def test_experts_under_all_their_names(count: str, per_token: str) -> None:
    layers, experts = experts_of(read(**{count: 64, per_token: 8}, moe_intermediate_size=704))
    assert (layers, experts.count, experts.per_token, experts.width) == (16, 64, 8, 704)


def test_experts_of_which_none_is_active_are_refused() -> None:
    refused("missing num_experts_per_tok", num_experts=64)
    refused("num_experts_per_tok is 0; .*from 1", num_experts=64, num_experts_per_tok=0)
    refused("num_experts_per_tok is 65; .*at most 64", num_experts=64, num_experts_per_tok=65)
    refused("num_experts is -8; .*from 0", num_experts=-8, num_experts_per_tok=2)
    assert read(num_experts=0).expert_layers == read(num_experts=None, num_experts_per_tok=2).expert_layers == 0
    refused("num_experts is 8 and n_routed_experts is 16; they mean the same", num_experts=8, n_routed_experts=16)


@pytest.mark.parametrize(
    ("changes", "layers"),
    [
        ({"first_k_dense_replace": 3}, 13),
        ({"first_k_dense_replace": 1, "moe_layer_freq": 2}, 7),
        ({"moe_layer_freq": [0, 1, 1, 1] * 4}, 12),
        ({"decoder_sparse_step": 2}, 8),
        ({"decoder_sparse_step": 1, "mlp_only_layers": [0, 5]}, 14),
        ({"interleave_moe_layer_step": 2}, 8),
        ({"expert_layer_period": 2, "expert_layer_offset": 1}, 8),
        ({"moe_layer_start_index": 1, "moe_layer_end_index": 14, "moe_layer_interval": 1}, 14),
        ({"num_dense_layers": 2}, 14),
        ({"mlp_layer_types": ["dense"] + ["sparse"] * 15}, 15),
        ({"moe_layers_enum": "4,5,6"}, 3),
        ({"moe_layers": [1, 3]}, 2),
        ({"is_moe_layer": [False] + [True] * 15}, 15),
    ],
)
def test_which_layers_have_experts(changes: dict[str, Any], layers: int) -> None:
    model = read(num_experts=64, num_experts_per_tok=8, moe_intermediate_size=704, **changes)
    assert model.expert_layers == layers
    assert model.layers == 16


@pytest.mark.parametrize(
    ("changes", "width"),
    [
        ({}, 0),
        ({"n_shared_experts": 2}, 2 * 704),
        ({"num_shared_expert": [1] * 16}, 704),
        ({"shared_expert_intermediate_size": 5632}, 5632),
        ({"shared_intermediate_size": 1024}, 1024),
        ({"share_expert_dim": 1280, "n_shared_experts": 1}, 1280),
        ({"moe_shared_expert_intermediate_size": 3712, "n_shared_experts": 1}, 3712),
        ({"model_type": "llama4_text", "attention_chunk_size": None}, 704),
        ({"model_type": "gemma4_text"}, 14336),
    ],
)
def test_shared_experts(changes: dict[str, Any], width: int) -> None:
    _, experts = experts_of(read(num_experts=64, num_experts_per_tok=8, moe_intermediate_size=704, **changes))
    assert experts.shared_width == width


def test_experts_behind_a_latent_width() -> None:
    _, experts = experts_of(read(num_experts=64, num_experts_per_tok=8, moe_intermediate_size=704, moe_latent_size=512))
    assert experts.expert_weights(4096) == 3 * 512 * 704
    assert experts.always_read_weights(4096) == 4096 * 64 + 2 * 4096 * 512


def test_mlps_without_a_gate() -> None:
    for changes in ({"model_type": "starcoder2"}, {"hidden_act": "relu2"}, {"model_type": "phi"}):
        assert read(**changes).layers_alike[0].mlp == Mlp(14336, gated=False)
