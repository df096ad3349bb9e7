"""Files as recent tools write them say the kind of each layer; what says nothing of it is refused."""

from typing import Any

import pytest

from agentsim_env.errors import AgentSimError
from agentsim_env.hardware import ModelWarning
from agentsim_env.hardware.huggingface import model_from_fields
from agentsim_env.hardware.layers import LatentAttention, Recurrence

SMALL = {"hidden_size": 512, "vocab_size": 1000, "max_position_embeddings": 4096}
ATTENTION = {"num_attention_heads": 8, "num_key_value_heads": 2}


def model(**fields: Any):
    return model_from_fields({**SMALL, **fields}, "made-up", "made-up/config.json")


def test_indexed_attention_is_attention_with_an_indexer() -> None:
    latent = {"kv_lora_rank": 64, "qk_rope_head_dim": 16, "qk_nope_head_dim": 32, "v_head_dim": 32}
    index = {"index_n_heads": 4, "index_head_dim": 32, "index_topk": 128}
    shape = {"num_hidden_layers": 2, "intermediate_size": 1024, **ATTENTION, **latent, **index}
    listed = model(layer_types=["indexed_attention"] * 2, **shape)
    assert listed.layers_alike == model(**shape).layers_alike
    (mixer,) = listed.layers_alike[0].mixers
    assert isinstance(mixer, LatentAttention)
    assert mixer.indexer is not None


def test_layers_are_as_many_as_are_listed_where_no_number_is_given() -> None:
    hybrid = model(
        model_type="nemotron_h",
        layers_block_type=["linear_attention", "moe", "full_attention", "mlp"],
        mamba_num_heads=8,
        mamba_head_dim=32,
        intermediate_size=1024,
        moe_intermediate_size=256,
        n_routed_experts=4,
        num_experts_per_tok=2,
        head_dim=64,
        **ATTENTION,
    )
    assert hybrid.layers == 4
    assert hybrid.kv_bytes_per_token("bf16") == 2 * 2 * 64 * 2


def test_fields_about_attention_change_nothing_where_no_layer_attends() -> None:
    recurrent = model(
        model_type="granitemoehybrid",
        layer_types=["mamba"] * 2,
        num_hidden_layers=2,
        shared_intermediate_size=1024,
        intermediate_size=1024,
        mamba_n_heads=16,
        mamba_d_head=64,
        **ATTENTION,
    )
    assert recurrent.kv_bytes_per_token("bf16") == 0
    assert isinstance(recurrent.layers_alike[0].mixers[0], Recurrence)


@pytest.mark.parametrize("field", ["mamba_d_state", "mamba_num_heads", "linear_num_value_heads", "conv_L_cache"])
def test_a_state_that_no_layer_is_said_to_have_is_refused(field: str) -> None:
    with pytest.raises(AgentSimError, match=rf"{field} is 64: .*no field that is understood says which layers"):
        model(num_hidden_layers=4, intermediate_size=1024, mamba_step=2, **{field: 64}, **ATTENTION)


def test_lightning_attention_is_told_by_its_type_too() -> None:
    lightning = model(
        model_type="minimax",
        layer_types=["linear_attention", "full_attention"],
        num_hidden_layers=2,
        intermediate_size=1024,
        num_local_experts=4,
        num_experts_per_tok=2,
        block_size=256,
        **ATTENTION,
    )
    assert lightning.kv_bytes_per_token("bf16") == 2 * 2 * 64 * 2
    assert lightning.state_bytes_per_sequence("bf16") == 8 * 64 * 64 * 4


def test_two_spellings_of_a_pattern_agree_or_are_refused() -> None:
    shape = {"num_hidden_layers": 8, "intermediate_size": 1024, "sliding_window": 512, **ATTENTION}
    both = model(model_type="cohere2", _sliding_window_pattern=4, sliding_window_pattern=4, layer_switch=4, **shape)
    assert both.kv_bytes_per_token("bf16") == 2 * 2 * 2 * 64 * 2
    with pytest.raises(AgentSimError, match="sliding_window_pattern is 4 and layer_switch is 2; they mean the same"):
        model(model_type="cohere2", sliding_window_pattern=4, layer_switch=2, **shape)


def test_kinds_of_layers_count_more_than_a_switch_and_that_is_told() -> None:
    shape = {"num_hidden_layers": 2, "intermediate_size": 1024, "sliding_window": 512, **ATTENTION}
    with pytest.warns(ModelWarning, match="use_sliding_window is false, and layer_types has layers with a window"):
        found = model(layer_types=["sliding_attention", "full_attention"], use_sliding_window=False, **shape)
    assert found.kv_bytes_per_token("bf16") == 2 * 2 * 64 * 2
