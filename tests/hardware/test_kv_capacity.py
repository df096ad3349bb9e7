"""KV blocks against the counts that real engines printed."""

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
