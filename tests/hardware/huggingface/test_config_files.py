"""What may be in a `config.json` beside the model, what is refused and how, and what the model is called."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from agentsim_env.hardware import ModelWarning, UnknownHardwareError, find_model
from agentsim_env.hardware.huggingface import model_from_fields
from tests.hardware.huggingface.plain import PLAIN, read, refused

# What is in the file.


@pytest.mark.parametrize("key", ["text_config", "llm_config", "language_config", "thinker_config"])
def test_the_language_model_of_a_larger_one(key: str) -> None:
    outer = {"model_type": "a_vision_model", "vision_config": {"num_hidden_layers": 27}, "tie_word_embeddings": True}
    model = model_from_fields({**outer, key: {**PLAIN, "tie_word_embeddings": None}}, "a-model", "config.json")
    assert model.layers_alike == read().layers_alike
    assert model.tied_embeddings
    with pytest.raises(UnknownHardwareError, match=f"config.json: {key} is 7; it must be an object"):
        model_from_fields({key: 7}, "a-model", "config.json")


@pytest.mark.parametrize("nothing", [None, {}])
def test_a_nested_config_that_says_nothing_counts_as_none(nothing: Any) -> None:
    assert read(text_config=nothing).layers_alike == read().layers_alike


def test_two_nested_configs_are_the_same_or_refused() -> None:
    assert read(text_config=PLAIN, llm_config=PLAIN).layers_alike == read().layers_alike
    refused("text_config and llm_config differ", text_config=PLAIN, llm_config={**PLAIN, "num_hidden_layers": 8})


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
        ({"total_ut_steps": 4}, r"not understood: total_ut_steps \(4\)"),
        ({"tie_layers": 2}, r"not understood: tie_layers \(2\)"),
        ({"mixer_types": ["minimax"] * 16}, "not understood: mixer_types"),
        ({"swa_layers": [1, 3]}, "not understood: swa_layers"),
        ({"mamba_layers": [1, 3]}, "not understood: mamba_layers"),
        ({"ssm_cfg": {"layer": "Mamba2"}}, "not understood: ssm_cfg"),
        ({"use_linear_attention": True}, "not understood: use_linear_attention"),
        ({"attn_type": "linear"}, "not understood: attn_type"),
        ({"attention_pattern": "LLG"}, "not understood: attention_pattern"),
        ({"use_yoco": True}, "not understood: use_yoco"),
        ({"kv_sharing": True}, "not understood: kv_sharing"),
        ({"add_cross_attention": True}, "not understood: add_cross_attention"),
        ({"use_shared_expert": True}, "not understood: use_shared_expert"),
        ({"model_type": "ouro"}, "layers that each token passes several times"),
        ({"dim": 4096, "n_layers": 16}, "dim is 4096: this is a params.json"),
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
        "compression_ratio": 1.0,
        "global_attn_every_n": 1,
        "attn_type": "multihead_attention",
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
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer"),
        (b'{"num_hidden_layers": ' + b"1" * 5000 + b"}", "config.json: "),
    ],
)
def test_files_that_are_not_a_config(tmp_path: Path, content: bytes, match: str) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    with pytest.raises(UnknownHardwareError, match=match) as caught:
        find_model(str(file))
    assert str(file) in str(caught.value)


def test_a_pipe_is_no_config(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(UnknownHardwareError, match=r"pipe\.json: not a regular file"):
        find_model(str(tmp_path / "pipe.json"))


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
    for unfit in ("", "a\nb", "x" * 1000):
        assert name(tmp_path / "my-model" / "other.json", _name_or_path=unfit) == "other"


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
