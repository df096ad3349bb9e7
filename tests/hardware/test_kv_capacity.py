"""KV blocks against the counts that real engines printed."""

from dataclasses import replace

import pytest

from agentsim_env.hardware import find_gpu, find_model, kv_blocks


# Source of each count: metadata of LLMServingSim's vLLM runs (first, second, third), AgentServeSim (last). The reserves
# of RTX 4090 and RTX PRO 6000 were chosen on the first two; the others are predicted.
@pytest.mark.parametrize(
    ("gpu", "model", "tp", "utilisation", "max_num_seqs", "tokens", "tolerance"),
    [
        ("RTX-4090", "Llama-3.1-8B", 1, 0.9, 256, 41_408, 0.005),
        ("RTX-PRO-6000", "Llama-3.1-8B", 1, 0.92, 128, 574_608, 0.005),
        ("RTX-PRO-6000", "Qwen3-32B", 2, 0.92, 128, 462_144, 0.04),
        ("RTX-PRO-6000", "Llama-3.1-70B", 2, 0.9, 128, 114_768, 0.01),
    ],
)
def test_counts_of_real_engines(
    gpu: str, model: str, tp: int, utilisation: float, max_num_seqs: int, tokens: int, tolerance: float
) -> None:
    blocks = kv_blocks(find_gpu(gpu), find_model(model), tp, utilisation=utilisation, max_num_seqs=max_num_seqs)
    assert 16 * blocks == pytest.approx(tokens, rel=tolerance)


def test_fp8_kv_doubles_the_blocks() -> None:
    gpu, model = find_gpu("H100"), find_model("Llama-3.1-8B")
    assert kv_blocks(gpu, model, kv_dtype="fp8") == pytest.approx(2 * kv_blocks(gpu, model), abs=1)


def test_a_model_that_does_not_fit_is_an_error_with_a_way_out() -> None:
    with pytest.raises(ValueError, match=r"Llama-3\.1-70B \(bf16, tp 1\) does not fit H100.*more GPUs"):
        kv_blocks(find_gpu("H100"), find_model("Llama-3.1-70B"))


def test_windows_and_states_leave_less_for_blocks() -> None:
    """Gemma 3 on an H100: 72 GB less 54 of weights, shared by blocks of 10 layers and windows of 52."""
    gpu, gemma = find_gpu("H100"), find_model("Gemma-3-27B")
    few, many = (kv_blocks(gpu, gemma, max_num_seqs=n) for n in (1, 256))
    per_block = 16 * gemma.kv_bytes_per_token("bf16")
    state = gemma.state_bytes_per_sequence("bf16")
    assert 1 < few / many < 2
    # The memory is divided as sequences of 8,192 tokens would: each its blocks and its windows.
    sequences = (few - many) * per_block / state + 1
    assert many * per_block == pytest.approx(sequences * 8192 * gemma.kv_bytes_per_token("bf16"), rel=0.1)


def test_a_model_of_states_alone_has_no_blocks() -> None:
    mamba = replace(
        find_model("Nemotron-3-Nano-30B-A3B"),
        layers_alike=tuple(a for a in find_model("Nemotron-3-Nano-30B-A3B").layers_alike if not a.attentions),
    )
    with pytest.raises(ValueError, match=r"keeps no KV that grows.*set kv_blocks"):
        kv_blocks(find_gpu("H100"), mamba)
