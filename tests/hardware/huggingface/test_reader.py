"""What the reader understands of a `config.json`, what it refuses, and how it says so."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentsim_env.hardware import ModelWarning, UnknownHardwareError, find_model
from agentsim_env.hardware.huggingface import model_from_fields
from agentsim_env.hardware.layers import Attention, Experts, LatentAttention, Mlp, Recurrence
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
    ((count, experts),) = [(a.count, a.experts) for a in model.layers_alike if a.experts is not None]
    return count, experts


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


# Experts.


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
    ],
)
def test_the_format_of_published_weights(config: dict[str, Any], dtype: str, kept: set[str]) -> None:
    found = read(quantization_config=config).checkpoint
    assert (found.dtype, found.in_16_bits) == (dtype, kept)


@pytest.mark.parametrize(
    ("config", "field"),
    [
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


def test_a_context_that_is_not_given_is_assumed_aloud() -> None:
    with pytest.warns(ModelWarning, match="no max_position_embeddings.*131,072 tokens are assumed"):
        assert read(max_position_embeddings=None).max_context_tokens == 131072


# What is in the file.


@pytest.mark.parametrize("key", ["text_config", "llm_config", "language_config", "thinker_config"])
def test_the_language_model_of_a_larger_one(key: str) -> None:
    outer = {"model_type": "a_vision_model", "vision_config": {"num_hidden_layers": 27}, "tie_word_embeddings": True}
    model = model_from_fields({**outer, key: {**PLAIN, "tie_word_embeddings": None}}, "a-model", "config.json")
    assert model.layers_alike == read().layers_alike
    assert model.tied_embeddings
    with pytest.raises(UnknownHardwareError, match=f"config.json: {key} is 7; it must be an object"):
        model_from_fields({key: 7}, "a-model", "config.json")


def test_a_nested_config_of_null_counts_as_none() -> None:
    assert read(text_config=None).layers_alike == read().layers_alike


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0; it must be a whole number from 1 to 1024"),
        ({"num_hidden_layers": 32.5}, "num_hidden_layers is 32.5; it must be a whole number"),
        ({"num_hidden_layers": True}, "num_hidden_layers is True"),
        ({"num_hidden_layers": "16"}, "num_hidden_layers is '16'"),
        ({"num_hidden_layers": float("nan")}, "num_hidden_layers is nan"),
        ({"num_hidden_layers": 10**40}, "num_hidden_layers is a huge number"),
        ({"num_attention_heads": 0}, "num_attention_heads is 0"),
        ({"num_attention_heads": 30, "num_key_value_heads": 30}, "30 heads do not divide 4096.*give head_dim"),
        ({"num_key_value_heads": 5}, "num_key_value_heads is 5: 32 query heads do not share 5 KV heads evenly"),
        ({"hidden_size": -4096}, "hidden_size is -4096"),
        ({"vocab_size": None}, r"missing vocab_size \(or padded_vocab_size\)"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings is 'yes'; it must be true or false"),
        ({"is_encoder_decoder": True}, "is_encoder_decoder is true: only decoders"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "LlamaForSequenceClassification: only decoders"),
        ({"model_type": "bert"}, "model_type is 'bert': an encoder generates no text"),
        ({"model_type": "camembert"}, "model_type is 'camembert': an encoder generates no text"),
        ({"model_type": "deepseek_v4"}, "attention over compressed KV"),
        ({"compress_ratios": [4, 128] * 8}, r"not understood: compress_ratios \(.*delete them from a copy"),
        ({"num_attention_streams": 2}, r"not understood: num_attention_streams \(2\)"),
        ({"moe_expert_tiers": {"a": 1}}, "not understood: moe_expert_tiers"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, Any], match: str) -> None:
    refused(match, **changes)


def test_fields_that_change_nothing_are_passed_over() -> None:
    harmless = {
        "mamba_d_head": 64,  # no layer is recurrent
        "swa_head_dim": 192,  # none has a window
        "first_k_dense_replace": 1,  # and none has experts
        "num_experts": None,
        "rope_theta": 5e5,
        "attention_dropout": 0.1,
        "hidden_act": "silu",
        "torch_dtype": "float32",
        "vision_config": {"num_layers": 3},
        "num_nextn_predict_layers": 1,
        "routed_scaling_factor": 2.5,
        "bos_token_id": 1,
    }
    assert read(**harmless).layers_alike == read().layers_alike
    with pytest.warns(ModelWarning, match=r"taken to change nothing in the work: fancy_attention_mode \('x'\)"):
        read(fancy_attention_mode="x")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"[{}]", "must be one JSON object of fields, not a list"),
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a": 1, "a": 2}', "a is given more than once"),
        (json.dumps(PLAIN).encode("utf-16"), "not UTF-8"),
        (b"[" * 100_000, "not JSON"),
        (b'{"num_hidden_layers": ' + b"1" * 5000 + b"}", "config.json: "),
    ],
)
def test_files_that_are_not_a_config(tmp_path: Path, content: bytes, match: str) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    with pytest.raises(UnknownHardwareError, match=match) as caught:
        find_model(str(file))
    assert str(file) in str(caught.value)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(PLAIN).encode())
    assert find_model(str(tmp_path)).layers == 16


# Names.


def test_a_model_is_called_what_it_says_or_by_its_file_or_folder(tmp_path: Path) -> None:
    def name(file: Path, **changes: Any) -> str:
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({**PLAIN, **changes}))
        return find_model(str(file)).name

    assert name(tmp_path / "my-model" / "config.json") == "my-model"
    assert name(tmp_path / "my-model" / "pruned.json") == "pruned"
    assert name(tmp_path / "my-model" / "other.json", _name_or_path="org/some-model") == "org/some-model"
    assert name(tmp_path / "my-model" / "empty.json", _name_or_path="") == "empty"


@pytest.mark.parametrize(
    ("name", "layers", "sound"),
    [
        ("Llama-3.1-8B", 32, True),
        ("Llama-3.1-8B", 16, False),
        ("meta-llama/Llama-3.1-8B-Instruct", 16, False),
        ("Llama-3.1-8B-Instruct-1M", 32, True),
        ("a-model-4bit", 32, True),
        ("my-4.5b", 16, True),
        ("a-model-70B", 32, False),
        ("a-model-500m", 32, False),
    ],
)
def test_a_size_in_the_name_is_held_against_the_weights(tmp_path: Path, name: str, layers: int, sound: bool) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**PLAIN, "num_hidden_layers": layers, "_name_or_path": name}))
    if sound:
        assert find_model(str(file)).name == name
    else:
        with pytest.warns(
            ModelWarning, match=rf"the name {name.split('/')[-1]} says .* billion parameters \({layers} layers\)"
        ):
            find_model(str(file))


@pytest.mark.parametrize("name", ["30B-A3B", "mixture-A3B", "30b", "3B-of-experts"])
def test_sizes_of_mixtures_of_experts(tmp_path: Path, name: str) -> None:
    config = {
        "model_type": "qwen3_moe",
        "num_hidden_layers": 48,
        "hidden_size": 2048,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "head_dim": 128,
        "moe_intermediate_size": 768,
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "vocab_size": 151936,
        "max_position_embeddings": 262144,
        "_name_or_path": name,
    }
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    assert find_model(str(file)).expert_layers == 48
    file.write_text(json.dumps(config | {"_name_or_path": "8x30B"}))
    with pytest.warns(ModelWarning, match="8x30B says"):
        find_model(str(file))
    file.write_text(json.dumps(config | {"_name_or_path": "30B-A6B"}))
    with pytest.warns(ModelWarning, match="says 30B and 6B"):
        find_model(str(file))
