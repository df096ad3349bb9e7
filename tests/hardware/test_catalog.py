"""GPUs, models and number formats by name."""

import json
from pathlib import Path

import pytest

from agentsim_env.hardware import UnknownHardwareError, find_gpu, find_model, gpus, models
from agentsim_env.hardware.dtypes import kv_dtype, weight_dtype
from agentsim_env.hardware.roofline import efficiencies


@pytest.mark.parametrize("name", ["RTX PRO 6000", "RTXPRO6000", "rtx-pro-6000", "RTX6000"])
def test_gpu_is_found_under_any_spelling(name: str) -> None:
    assert find_gpu(name).name == "RTX-PRO-6000"


def test_unknown_gpu_lists_what_is_known_and_suggests_the_closest() -> None:
    with pytest.raises(UnknownHardwareError, match=r"unknown GPU 'H10'; did you mean 'H100'\?.*gpus\.yaml.*B200"):
        find_gpu("H10")


def test_unknown_model_names_the_file_to_add_it_to() -> None:
    with pytest.raises(UnknownHardwareError, match=r"models\.yaml.*Qwen3-32B"):
        find_model("gpt-5")


def test_unknown_dtype_lists_the_known_ones() -> None:
    with pytest.raises(UnknownHardwareError, match="unknown dtype 'int3'; known: bf16, fp8, fp4"):
        weight_dtype("int3")
    assert weight_dtype("BFloat16") == "bf16"
    assert kv_dtype("auto") == "bf16"


def test_every_gpu_has_efficiencies_and_plausible_rates() -> None:
    for gpu in gpus().values():
        fit = efficiencies(gpu.efficiencies)
        assert 0 < fit.mixed_decode <= fit.decode <= 1
        # A dense fp8 product runs at about twice the bf16 rate where there is one.
        assert gpu.fp8_tflops == 0 or 1.9 < gpu.fp8_tflops / gpu.bf16_tflops < 2.1
        assert gpu.flop_per_s("fp8") == 1e12 * (gpu.fp8_tflops or gpu.bf16_tflops)


# Parameters (1e9) from the models' cards; norms and biases are not counted here.
@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("Llama-3.1-8B", 8.03),
        ("Llama-3.1-70B", 70.6),
        ("Llama-2-7B", 6.74),
        ("CodeLlama-34B", 33.7),
        ("Qwen-72B", 72.3),
        ("Qwen2.5-3B", 3.09),
        ("Qwen2.5-7B", 7.62),
        ("Qwen2.5-14B", 14.8),
        ("Qwen3-32B", 32.8),
        ("Qwen3-30B-A3B", 30.5),
        ("Phi-3.5-MoE", 41.9),
    ],
)
def test_weights_add_up_to_the_published_size(name: str, billions: float) -> None:
    assert find_model(name).weight_bytes("bf16", 1) / 2e9 == pytest.approx(billions, rel=0.01)


def test_kv_bytes_per_token_match_the_known_ones() -> None:
    known = {"Llama-3.1-8B": 131_072, "Llama-3.1-70B": 327_680, "Phi-3.5-MoE": 131_072, "Qwen2.5-7B": 57_344}
    for name, size in known.items():
        assert find_model(name).kv_bytes_per_token("bf16") == size
        assert find_model(name).kv_bytes_per_token("fp8") == size // 2
    # Sixteen ranks share eight KV heads: each keeps one, so every head is held twice.
    assert find_model("Llama-3.1-70B").kv_bytes_per_token("bf16", 16) == 327_680 // 8


def test_expected_active_experts() -> None:
    model = find_model("Qwen3-30B-A3B")
    always = model.attention_weights + model.always_read_mlp_weights
    assert model.active_weights(1) == pytest.approx(always + 8 * model.expert_weights)
    assert model.active_weights(1e6) == pytest.approx(model.layer_weights)
    dense = find_model("Llama-3.1-8B")
    assert dense.active_weights(1) == dense.layer_weights == dense.weights_per_token


def test_config_json_gives_the_same_model(tmp_path: Path) -> None:
    config = {
        "num_hidden_layers": 32,
        "hidden_size": 4096,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "intermediate_size": 14336,
        "vocab_size": 128256,
        "max_position_embeddings": 131072,
    }
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    read, known = find_model(str(file)), find_model("Llama-3.1-8B")
    assert read.layer_products(2) == known.layer_products(2)
    assert read.weight_bytes("fp8", 4) == known.weight_bytes("fp8", 4)
    assert read.kv_bytes_per_token("bf16") == known.kv_bytes_per_token("bf16")


def test_config_json_of_a_mixture_of_experts(tmp_path: Path) -> None:
    config = {
        "num_hidden_layers": 48,
        "hidden_size": 2048,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "head_dim": 128,
        "intermediate_size": 6144,
        "moe_intermediate_size": 768,
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "vocab_size": 151936,
    }
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    assert find_model(str(file)).weight_bytes("bf16", 1) == find_model("Qwen3-30B-A3B").weight_bytes("bf16", 1)


def test_config_json_without_a_needed_field_or_with_latent_attention(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"hidden_size": 64}))
    with pytest.raises(UnknownHardwareError, match="missing num_hidden_layers"):
        find_model(str(file))
    file.write_text(json.dumps({"hidden_size": 64, "kv_lora_rank": 512}))
    with pytest.raises(UnknownHardwareError, match="latent attention"):
        find_model(str(file))


def test_every_model_fits_the_entry_format() -> None:
    for model in models().values():
        assert model.heads % model.kv_heads == 0
        assert bool(model.experts) == bool(model.experts_per_token) == bool(model.expert_intermediate)
