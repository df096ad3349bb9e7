"""Published models: their `config.json` gives the parameters and the KV that are published for them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from agentsim_env.hardware import find_model
from agentsim_env.hardware.huggingface import model_from_fields

PUBLISHED: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "published.yaml").read_text())


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.filterwarnings("ignore:.*no max_position_embeddings")
def test_parameters_and_kv_of_a_published_model(name: str) -> None:
    entry = PUBLISHED[name]
    model = model_from_fields(entry["config"], name, entry["source"])
    assert model.parameters / 1e9 == pytest.approx(entry["billions"], rel=0.015)
    if "kv_bytes_per_token" in entry:
        assert model.kv_bytes_per_token("bf16") == entry["kv_bytes_per_token"]


# Billions of parameters in all and active for one token, from the models' cards; some count the embedding as active.
@pytest.mark.parametrize(
    ("name", "billions", "active_billions"),
    [
        ("Llama-3.1-8B", 8.03, 8.03),
        ("Llama-3.1-70B", 70.6, 70.6),
        ("Llama-2-7B", 6.74, 6.74),
        ("Llama-2-70B", 69.0, 69.0),
        ("CodeLlama-34B", 33.7, 33.7),
        ("Qwen-72B", 72.3, 72.3),
        ("Qwen2.5-3B", 3.09, 3.09),
        ("Qwen2.5-7B", 7.62, 7.62),
        ("Qwen2.5-14B", 14.8, 14.8),
        ("Qwen2.5-32B", 32.8, 32.8),
        ("Qwen3-8B", 8.19, 8.19),
        ("Qwen3-14B", 14.8, 14.8),
        ("Qwen3-32B", 32.8, 32.8),
        ("Qwen3-30B-A3B", 30.5, 3.3),
        ("Qwen3-Coder-30B-A3B", 30.5, 3.3),
        ("Qwen3-235B-A22B", 235, 22),
        ("Qwen3-Next-80B-A3B", 80, 3.9),  # the card rounds the active ones to 3
        ("gpt-oss-20b", 20.91, 3.61),  # model card, table 1
        ("gpt-oss-120b", 116.83, 5.13),
        ("Phi-3.5-MoE", 41.9, 6.6),
        ("MiniMax-M2.5", 229, 10),
        ("GLM-4.5-Air", 106, 12),
        ("GLM-4.6", 355, 32),
        ("DeepSeek-V3.1", 671, 37),
        ("DeepSeek-V3.2", 671, 37),
        ("Kimi-K2", 1026, 32),
        ("Llama-4-Scout-17B-16E", 109, 17),  # with the vision tower
        ("Llama-4-Maverick-17B-128E", 402, 17),
        ("Gemma-3-27B", 27.0, 27.0),
        ("Mistral-Small-3.2-24B", 23.6, 23.6),
        ("Devstral-Small-24B", 23.6, 23.6),
        ("Nemotron-3-Nano-30B-A3B", 31.6, 3.6),
    ],
)
def test_parameters_of_the_catalogue(name: str, billions: float, active_billions: float) -> None:
    model = find_model(name)
    assert model.parameters / 1e9 == pytest.approx(billions, rel=0.015)
    embedding = model.head_weights / 1e9
    assert model.active_layer_weights / 1e9 < 1.03 * active_billions
    assert model.active_parameters / 1e9 + embedding > 0.97 * active_billions


# Bytes of KV a token in 16 bits. DeepSeek-V3, Qwen2.5-72B's like and Llama 405B's: "Insights into DeepSeek-V3", table 1
# (70.272 kB). Others: 4 x KV heads x head width x layers that attend to the whole context, from the model cards:
# Qwen3-Next 12 of 48 layers, gpt-oss every other, Llama 4 every fourth, Gemma 3 every sixth, Nemotron 3 Nano 6 of 52.
@pytest.mark.parametrize(
    ("name", "kv_bytes"),
    [
        ("DeepSeek-V3.1", 70_272),
        ("Kimi-K2", 70_272),
        ("DeepSeek-V3.2", 70_272 + 61 * 132),  # the indexer's keys: 128 numbers in fp8 and a scale
        ("Llama-3.1-70B", 327_680),
        ("Qwen3-8B", 147_456),
        ("Qwen3-235B-A22B", 192_512),
        ("Qwen3-Next-80B-A3B", 12 * 2 * 2 * 256 * 2),
        ("gpt-oss-20b", 12 * 2 * 8 * 64 * 2),
        ("gpt-oss-120b", 18 * 2 * 8 * 64 * 2),
        ("GLM-4.6", 92 * 2 * 8 * 128 * 2),
        ("MiniMax-M2.5", 62 * 2 * 8 * 128 * 2),
        ("Llama-4-Scout-17B-16E", 12 * 2 * 8 * 128 * 2),
        ("Gemma-3-27B", 10 * 2 * 16 * 128 * 2),
        ("Mistral-Small-3.2-24B", 163_840),
        ("Nemotron-3-Nano-30B-A3B", 6 * 2 * 2 * 128 * 2),
    ],
)
def test_kv_of_the_catalogue(name: str, kv_bytes: int) -> None:
    assert find_model(name).kv_bytes_per_token("bf16") == kv_bytes


def test_a_latent_is_copied_to_every_rank_and_so_are_the_keys_of_an_indexer() -> None:
    for name in ("DeepSeek-V3.1", "DeepSeek-V3.2"):
        model = find_model(name)
        assert model.kv_bytes_per_token("bf16", tp=8) == model.kv_bytes_per_token("bf16")
    assert find_model("DeepSeek-V3.2").kv_bytes_per_token("fp8") == 61 * (576 + 132)


# Gigabytes of the files on the hub: 60.8 and 12.8 GiB in MXFP4 (model card of gpt-oss); 688 GB of DeepSeek-V3 in fp8,
# 14 of them for the layer that predicts ahead, which is not loaded.
@pytest.mark.parametrize(
    ("name", "gigabytes"), [("gpt-oss-120b", 60.8 * 1.0737), ("gpt-oss-20b", 12.8 * 1.0737), ("DeepSeek-V3.1", 674)]
)
def test_bytes_of_quantised_checkpoints(name: str, gigabytes: float) -> None:
    model = find_model(name)
    dtype = model.served_dtype("bf16")
    assert model.weight_bytes(dtype, 1) / 1e9 == pytest.approx(gigabytes, rel=0.015)
    assert model.weight_bytes(dtype, 4) == pytest.approx(model.weight_bytes(dtype, 1) / 4)


def test_an_engine_does_not_widen_a_quantised_checkpoint_but_narrows_one() -> None:
    assert find_model("gpt-oss-120b").served_dtype("bf16") == "mxfp4"
    assert find_model("DeepSeek-V3.1").served_dtype("bf16") == "fp8"
    assert find_model("DeepSeek-V3.1").served_dtype("fp4") == "fp4"
    assert find_model("Llama-3.1-8B").served_dtype("fp8") == "fp8"


# What a sequence keeps whatever its length, bytes: windows of 128 tokens (gpt-oss) and 1,024 (Gemma), chunks of 8,192
# (Llama 4), gated delta nets of 32 x 128 x 128 numbers with convolutions of 3 x 8,192 in 36 layers (Qwen3-Next).
@pytest.mark.parametrize(
    ("name", "state_bytes"),
    [
        ("gpt-oss-120b", 18 * 128 * 2048),
        ("Gemma-3-27B", 52 * 1024 * 8192),
        ("Llama-4-Scout-17B-16E", 36 * 8192 * 4096),
        ("Qwen3-Next-80B-A3B", 36 * 2 * (32 * 128 * 128 + 3 * 8192)),
        ("Llama-3.1-8B", 0),
    ],
)
def test_what_a_sequence_keeps_whatever_its_length(name: str, state_bytes: int) -> None:
    assert find_model(name).state_bytes_per_sequence("bf16") == state_bytes
