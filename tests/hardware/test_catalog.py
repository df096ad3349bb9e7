"""GPUs, models and number formats by name."""

import json
import re
from pathlib import Path

import pytest

from agentsim_env.hardware import UnknownHardwareError, find_gpu, find_model, gpus, models
from agentsim_env.hardware.catalog import FOLDER, _plain
from agentsim_env.hardware.dtypes import kv_dtype, weight_dtype
from agentsim_env.hardware.roofline import efficiencies
from tests.llama import LLAMA_3_1_8B


@pytest.mark.parametrize("name", ["RTX PRO 6000", "RTXPRO6000", "rtx-pro-6000", "RTX6000"])
def test_gpu_is_found_under_any_spelling(name: str) -> None:
    assert find_gpu(name).name == "RTX-PRO-6000"


@pytest.mark.parametrize(
    ("name", "sms", "gb", "gb_per_s"),
    [("RTX 3090", 82, 24, 936), ("RTX A5000", 64, 24, 768), ("RTX 4090", 128, 24, 1008), ("RTX 5090", 170, 32, 1792)],
)
def test_cards_for_one_workstation(name: str, sms: int, gb: int, gb_per_s: int) -> None:
    gpu = find_gpu(name)
    assert (gpu.sms, gpu.hbm_gb_per_s) == (sms, gb_per_s)
    assert 0.97 * gb < gpu.memory_gib < gb
    assert not gpu.efficiencies.startswith(("H", "B"))


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


def test_kv_bytes_per_token_match_the_known_ones() -> None:
    known = {"Llama-3.1-8B": 131_072, "Llama-3.1-70B": 327_680, "Phi-3.5-MoE": 131_072, "Qwen2.5-7B": 57_344}
    for name, size in known.items():
        assert find_model(name).kv_bytes_per_token("bf16") == size
        assert find_model(name).kv_bytes_per_token("fp8") == size // 2
    # Sixteen ranks share eight KV heads: each keeps one, so every head is held twice.
    assert find_model("Llama-3.1-70B").kv_bytes_per_token("bf16", 16) == 327_680 // 8


def test_expected_active_experts() -> None:
    model = find_model("Qwen3-30B-A3B")
    assert model.expected_layer_weights(1) == pytest.approx(model.active_layer_weights)
    assert model.expected_layer_weights(1e6) == pytest.approx(model.layer_weights)
    dense = find_model("Llama-3.1-8B")
    assert dense.expected_layer_weights(1) == dense.layer_weights == dense.active_layer_weights


def test_config_json_gives_the_same_model(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(LLAMA_3_1_8B))
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
        "max_position_embeddings": 262144,
    }
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    assert find_model(str(file)).weight_bytes("bf16", 1) == find_model("Qwen3-30B-A3B").weight_bytes("bf16", 1)


def test_a_model_is_named_by_its_folder_too(tmp_path: Path) -> None:
    folder = tmp_path / "Llama-3.1-8B"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA_3_1_8B))
    assert find_model(str(folder)).name == "Llama-3.1-8B"
    with pytest.raises(UnknownHardwareError, match=r"elsewhere/config\.json: no such file"):
        find_model(str(tmp_path / "elsewhere/config.json"))
    with pytest.raises(UnknownHardwareError, match=r"no such file; a model is named by its config\.json or its folder"):
        find_model(str(tmp_path))


@pytest.mark.parametrize("file", ["gpus.yaml", "models.yaml"])
def test_no_entry_stands_twice(file: str) -> None:
    """A YAML parser takes the last one without a word."""
    names = re.findall(r"^(\S+):", (FOLDER / file).read_text(encoding="utf-8"), re.MULTILINE)
    assert len(names) == len(set(names)) > 0


def test_every_model_fits_the_entry_format() -> None:
    for name, model in models().items():
        assert (model.name, model.parameters > model.active_layer_weights) == (name, True)
        assert model.source
        assert model.kv_bytes_per_token("bf16") > 0
    names = [plain for model in models().values() for plain in {_plain(name) for name in (model.name, *model.aliases)}]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["a\0b.json", "x" * 5000 + ".json", "/" + "y" * 300, "./no/such/folder"])
def test_names_that_no_file_can_have(name: str) -> None:
    with pytest.raises(UnknownHardwareError, match=r"no such file|not the name of a file"):
        find_model(name)
