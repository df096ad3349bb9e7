"""What the reader understands of a `config.json`: layers, attention, weights and context."""

from typing import Any

import pytest

from agentsim_env.hardware import ModelWarning
from agentsim_env.hardware.huggingface import model_from_fields
from agentsim_env.hardware.layers import Attention, LatentAttention, Mlp, Recurrence
from tests.hardware.huggingface.plain import LAYER_KV, MLA, PLAIN, experts_of, full_layers, read, refused

# Layers.


def test_layers_of_a_mamba_hybrid_by_letters_and_by_words() -> None:
    """One attention in eight layers, four Mamba-2, three of experts; nothing in a layer but its own part."""
    experts = {"n_routed_experts": 64, "num_experts_per_tok": 4, "moe_intermediate_size": 1856}
    model = read(model_type="nemotron_h", num_hidden_layers=8, hybrid_override_pattern="MEM*EMME", **experts)
    assert model.kv_bytes_per_token("bf16") == LAYER_KV
    assert [(a.count, len(a.mixers), a.mlp is None) for a in model.layers_alike] == [
        (4, 1, True),
        (3, 0, False),
        (1, 1, True),
    ]
    count, found = experts_of(model)
    assert (count, found.count, found.per_token, found.width, found.gated) == (3, 64, 4, 1856, False)
    letters = {"M": "mamba", "E": "moe", "*": "attention"}
    words = read(
        model_type="nemotron_h",
        num_hidden_layers=8,
        layers_block_type=[letters[letter] for letter in "MEM*EMME"],
        **experts,
    )
    assert words.layers_alike == model.layers_alike
    refused("hybrid_override_pattern is 'MXM'", num_hidden_layers=3, hybrid_override_pattern="MXM")
    refused("8 letters", num_hidden_layers=8, hybrid_override_pattern="M*")


def test_linear_attention_layers_keep_a_state_and_no_kv() -> None:
    model = read(model_type="qwen3_5_text", layer_types=["linear_attention"] * 12 + ["full_attention"] * 4)
    assert model.kv_bytes_per_token("bf16") == 4 * LAYER_KV
    states = [mixer for _, mixer in model.mixers() if isinstance(mixer, Recurrence)]
    assert [state.state_values for state in states] == [32 * 128 * 128]
    by_interval = read(model_type="qwen3_5_text", full_attention_interval=4)
    assert full_layers(by_interval) == 4
    refused("some layers are linear attention.*linear_num_value_heads", layer_types=["linear_attention"] * 16)
    refused(r"layer_types\[0\] is 'quantum'; known are .*full_attention", layer_types=["quantum"] * 16)
    refused("layer_types is .* one entry for each of the 16 layers", layer_types=["full_attention"] * 15)


def test_windows_stop_the_kv_of_their_layers() -> None:
    kinds = ["sliding_attention"] * 14 + ["full_attention"] * 2
    model = read(layer_types=kinds, sliding_window=128)
    assert model.kv_bytes_per_token("bf16") == 2 * LAYER_KV
    assert model.state_bytes_per_sequence("bf16") == 14 * 128 * LAYER_KV
    assert model.parameters == read().parameters
    refused("missing sliding_window", layer_types=kinds)


@pytest.mark.parametrize(
    ("changes", "full"),
    [
        ({"sliding_window": 4096, "use_sliding_window": False}, 16),
        ({"sliding_window": 4096, "use_sliding_window": True, "max_window_layers": 12}, 12),
        ({"sliding_window": 4096, "sliding_window_pattern": 4}, 4),
        ({"sliding_window": 4096, "sliding_window_pattern": "LLLG"}, 4),
        ({"sliding_window": 4096, "_sliding_window_pattern": 4}, 4),
        ({"sliding_window": 4096, "model_type": "gemma2", "head_dim": 128}, 8),
        ({"attention_chunk_size": 8192}, 4),
        ({"attention_chunk_size": 8192, "no_rope_layers": [1, 1, 1, 1, 1, 1, 1, 0] * 2}, 2),
        ({"hybrid_layer_pattern": [0, 1, 1, 1] * 4, "sliding_window_size": 128}, 4),
        ({"sliding_window": 131072}, 16),  # holds the longest context
        ({"sliding_window": -1}, 16),
        ({"sliding_window": 4096}, 16),  # every layer: see docs/hardware.md
    ],
)
def test_which_layers_attend_to_the_whole_context(changes: dict[str, Any], full: int) -> None:
    assert full_layers(read(**changes)) == full


def test_layers_that_use_the_kv_of_earlier_ones() -> None:
    assert read(num_kv_shared_layers=4).kv_bytes_per_token("bf16") == 12 * LAYER_KV
    assert read(use_cla=True, cla_share_factor=2).kv_bytes_per_token("bf16") == 8 * LAYER_KV
    assert read(use_cla=False, cla_share_factor=2).kv_bytes_per_token("bf16") == 16 * LAYER_KV


def test_attention_and_a_recurrence_side_by_side() -> None:
    mamba = {"mamba_n_heads": 32, "mamba_d_head": 64, "mamba_d_ssm": 2048, "mamba_d_state": 128}
    (alike,) = read(model_type="falcon_h1", **mamba).layers_alike
    assert [type(mixer) for mixer in alike.mixers] == [Attention, Recurrence]


def test_widths_and_heads_layer_by_layer() -> None:
    model = read(intermediate_size=[14336] * 12 + [7168] * 4)
    assert [(alike.count, alike.mlp) for alike in model.layers_alike] == [(12, Mlp(14336)), (4, Mlp(7168))]
    assert read(intermediate_size=[14336] * 16).layers_alike == read().layers_alike
    for key in ("num_key_value_heads", "num_key_value_heads_per_layer"):
        assert read(**{key: [8] * 8 + [4] * 8}).kv_bytes_per_token("bf16") == 12 * LAYER_KV
    more = read(num_attention_heads_per_layer=[32] * 8 + [48] * 8, head_dim=128)
    assert more.layer_weights - read().layer_weights == 8 * 2 * 4096 * 16 * 128
    refused("intermediate_size is .*each of the 16 layers, not 3", intermediate_size=[1, 2, 3])


def test_blocks_that_were_searched_one_by_one() -> None:
    full = {"attention": {"n_heads_in_group": 4}, "ffn": {"ffn_mult": 5.25}}
    empty = {"attention": {"no_op": True}, "ffn": {"no_op": True}}
    model = read(block_configs=[full] * 10 + [empty] * 6)
    assert model.kv_bytes_per_token("bf16") == 10 * LAYER_KV
    assert model.layers_alike[0].mlp == Mlp(14336)
    odd = {"attention": {"replace_with_linear": 7}, "ffn": {"ffn_mult": 5.25}}
    refused(r"block_configs\[0\]: attention: missing n_heads_in_group", block_configs=[odd] * 16)


# Attention.


def test_latent_attention() -> None:
    model = read(**MLA, q_lora_rank=1536)
    ((_, mixer),) = model.mixers()
    assert isinstance(mixer, LatentAttention)
    assert model.kv_bytes_per_token("bf16") == 16 * 576 * 2
    refused("missing v_head_dim", kv_lora_rank=512)


def test_latent_attention_can_be_switched_off_and_on() -> None:
    assert read(use_mla=False, q_lora_rank=1536, **MLA).layers_alike == read().layers_alike
    refused("missing v_head_dim", use_mla=True)
    refused("kv_lora_rank is 512: latent attention with a window", sliding_window=4096, sliding_window_pattern=4, **MLA)


def test_an_indexer_of_sparse_attention() -> None:
    index = {"index_topk": 2048, "index_n_heads": 64, "index_head_dim": 128}
    model = read(**MLA, **index)
    assert model.kv_bytes_per_token("bf16") == 16 * (576 * 2 + 132)
    shared = read(**MLA, **index, indexer_types=["full", "shared"] * 8)
    assert shared.kv_bytes_per_token("bf16") == 16 * 576 * 2 + 8 * 132
    refused("missing index_n_heads", **MLA, index_topk=2048)
    refused("not understood: index_topk", index_topk=2048)
    refused("not understood: index_kpool", **MLA, **index, index_kpool=4)


@pytest.mark.parametrize(
    ("changes", "kv_heads"),
    [
        ({"num_key_value_heads": None}, 32),
        ({"num_key_value_heads": None, "num_kv_heads": 4}, 4),
        ({"num_key_value_heads": None, "multi_query": True}, 1),
        ({"num_key_value_heads": None, "multi_query": True, "new_decoder_architecture": True, "num_kv_heads": 8}, 8),
        ({"num_key_value_heads": None, "multi_query_attention": True, "multi_query_group_num": 2}, 2),
        ({"num_key_value_heads": None, "model_type": "falcon", "num_kv_heads": 71}, 32),
    ],
)
def test_kv_heads_under_all_their_names(changes: dict[str, Any], kv_heads: int) -> None:
    assert read(**changes).kv_bytes_per_token("bf16") == 16 * 2 * kv_heads * 128 * 2


# Weights.


@pytest.mark.parametrize(
    ("config", "dtype", "kept"),
    [
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8", set()),
        ({"quant_method": "fbgemm_fp8", "modules_to_not_convert": ["lm_head"]}, "fp8", set()),
        ({"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn"]}, "mxfp4", {"attention"}),
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "int4", set()),
        ({"quant_method": "gptq", "bits": 4}, "int4", set()),
        (
            {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head", "*self_attn*"]},
            "fp4",
            {"attention"},
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int", "group_size": 32}}},
                "ignore": ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", r"re:.*mlp\.(gate|up|down)_proj.*"],
            },
            "int4",
            {"attention", "shared", "mlp"},
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
                "ignore": ["lm_head", *(f"model.layers.{i}.self_attn.q_proj" for i in range(3))],
            },
            "fp8",
            set(),
        ),
        (
            {"quant_method": "fp8", "modules_to_not_convert": ["q_proj", "k_proj", "v_proj", "o_proj"]},
            "fp8",
            {"attention"},
        ),
        ({"quant_method": "fp8", "modules_to_not_convert": ["re:.*mlp.*"]}, "fp8", {"mlp", "shared", "experts"}),
        ({"quant_method": "fp8", "modules_to_not_convert": ["re:.*mlp.experts.*"]}, "fp8", {"experts"}),
        ({"quant_method": "gptq", "bits": 4, "dynamic": {r"-:.*attn.*": {}, r"+:.*mlp.*": {}}}, "int4", {"attention"}),
        ({"quant_method": "auto-round", "extra_config": {".*self_attn.*": {"bits": 16}}}, "int4", {"attention"}),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"g": {"targets": ["re:.*experts.*"], "weights": {"num_bits": 4, "type": "int"}}},
            },
            "int4",
            {"attention", "shared", "mlp"},
        ),
    ],
)
def test_the_format_of_published_weights(config: dict[str, Any], dtype: str, kept: set[str]) -> None:
    found = read(quantization_config=config).checkpoint
    assert (found.dtype, found.in_16_bits) == (dtype, kept)


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.{}.post_attention_layernorm",
        "model.layers.{}.self_attn.q_norm",
        "model.layers.{}.self_attn.kv_b_proj",
        "model.layers.{}.linear_attn.in_proj_ba",
        "model.layers.{}.linear_attn.A_log",
        "model.layers.{}.mlp.gate",
        "model.visual.blocks.{}.attn.qkv",
        "vision_tower.encoder.layers.{}.self_attn.q_proj",
        "vision_tower.encoder.layers.{}.mlp.up_proj",
    ],
)
def test_norms_small_modules_and_other_towers_say_nothing_of_the_format_of_the_layers(name: str) -> None:
    left_alone = [name.format(i) for i in range(16)]
    assert not read(quantization_config={"quant_method": "fp8", "ignored_layers": left_alone}).checkpoint.in_16_bits


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"quant_method": "fp8", "ignore": "lm_head"}, "ignore is 'lm_head'; it must be a list of names"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "quant_method is 'bitsandbytes'"),
        ({"quant_method": "gptq", "bits": 8}, "bits is 8"),
        ({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}, "quant_algo is 'MIXED_PRECISION'"),
        ({"quant_method": "compressed-tensors"}, "config_groups: no format"),
        ({"bits": 4}, "quant_method is None"),
        ("fp8", "quantization_config is 'fp8'; it must be an object"),
    ],
)
def test_formats_that_are_not_costed_are_refused_by_name(config: Any, field: str) -> None:
    refused(field, quantization_config=config)


def test_a_format_of_the_kv_is_that_of_the_engine_and_that_is_told() -> None:
    scheme = {"quant_method": "fp8", "kv_cache_scheme": {"num_bits": 8, "type": "float"}}
    with pytest.warns(ModelWarning, match="kv_cache_scheme is given; the engine's kv_dtype counts"):
        assert read(quantization_config=scheme).kv_bytes_per_token("bf16") == read().kv_bytes_per_token("bf16")


@pytest.mark.parametrize("name", ["tie_embeddings", "weight_tying"])
def test_tied_embeddings_under_other_names(name: str) -> None:
    assert read(tie_word_embeddings=None, **{name: True}).tied_embeddings


def test_embeddings_are_tied_where_the_type_says_so() -> None:
    untied = {key: value for key, value in PLAIN.items() if key != "tie_word_embeddings"}
    for kind, tied in (("llama", False), ("gemma", True), ("cohere", True), ("mistral", False)):
        model = model_from_fields({**untied, "model_type": kind, "head_dim": 128}, "a-model", "config.json")
        assert model.tied_embeddings is tied


# Context.


@pytest.mark.parametrize(
    ("changes", "tokens"),
    [
        ({}, 131072),
        ({"rope_scaling": {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096}}, 163840),
        ({"rope_scaling": {"rope_type": "linear", "factor": 2.0}}, 262144),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, 131072),
        ({"rope_scaling": {"type": "longrope", "factor": 32.0}}, 131072),
        ({"rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}}, 131072),
        ({"rope_scaling": {"rope_type": "linear", "factor": 8.0}, "model_type": "gemma3_text"}, 131072),
        (
            {
                "rope_parameters": {
                    "full_attention": {"rope_type": "yarn", "factor": 32.0, "original_max_position_embeddings": 8192},
                    "sliding_attention": {"rope_type": "default"},
                }
            },
            262144,
        ),
        ({"seq_length": 8192}, 8192),
        ({"model_max_length": 262144, "max_position_embeddings": 8192}, 262144),
    ],
)
def test_the_longest_context(changes: dict[str, Any], tokens: int) -> None:
    assert read(**changes).max_context_tokens == tokens


@pytest.mark.parametrize(
    ("scaling", "match"),
    [
        ("yarn", "rope_scaling is 'yarn'; it must be an object of fields"),
        ([1.0], "rope_scaling is .1.0.; it must be an object of fields"),
        ({"rope_type": "yarn"}, "rope_scaling: missing factor"),
        ({"rope_type": 7, "factor": 4.0}, "rope_scaling: rope_type is 7; it must be a string"),
    ],
)
def test_a_scaling_that_cannot_be_is_refused(scaling: Any, match: str) -> None:
    refused(match, rope_scaling=scaling)


def test_a_scaling_that_is_not_known_is_told() -> None:
    with pytest.warns(ModelWarning, match="rope_type is 'magic': its factor is taken to lengthen contexts"):
        assert read(rope_scaling={"rope_type": "magic", "factor": 2.0}).max_context_tokens == 262144
    with pytest.warns(ModelWarning, match="factor 2 without a rope_type"):
        assert read(rope_scaling={"factor": 2.0}).max_context_tokens == 131072


def test_a_context_that_is_not_given_is_assumed_aloud() -> None:
    with pytest.warns(ModelWarning, match="no max_position_embeddings.*131,072 tokens are assumed"):
        assert read(max_position_embeddings=None).max_context_tokens == 131072
