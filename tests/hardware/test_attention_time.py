"""What attention costs where it is not all of the context, and what recurrent states cost."""

from dataclasses import replace

import numpy as np
import pytest

from agentsim_env.hardware import find_gpu, find_model, roofline
from agentsim_env.hardware.efficiencies import efficiencies
from agentsim_env.hardware.layers import Attention, LatentAttention, Layers
from agentsim_env.hardware.model import Model

H100 = find_gpu("H100")
BANDWIDTH = H100.hbm_bytes_per_s * efficiencies(H100.efficiencies).decode


def with_mixers(model: Model, change: "dict[str, int | None]") -> Model:
    """The model with every window as `change` says."""
    layers = tuple(
        replace(alike, mixers=tuple(replace(m, **change) if isinstance(m, Attention) else m for m in alike.mixers))
        for alike in model.layers_alike
    )
    return replace(model, layers_alike=layers)


@pytest.mark.parametrize("name", ["gpt-oss-120b", "Gemma-3-27B", "Llama-4-Scout-17B-16E", "Qwen3-Next-80B-A3B"])
def test_a_token_of_context_costs_the_kv_of_layers_that_attend_to_it(name: str) -> None:
    model = find_model(name)
    profile = roofline(H100, model)
    slope_s = (profile.decode_s(8, 8 * 100_000) - profile.decode_s(8, 8 * 50_000)) / (8 * 50_000)
    assert slope_s == pytest.approx(model.kv_bytes_per_token("bf16") / BANDWIDTH)


def test_a_decode_reads_each_window_once_and_a_state_twice() -> None:
    profile = roofline(H100, find_model("gpt-oss-120b"))
    assert profile.decode_s(1, 0) == pytest.approx(18 * 128 * 2048 / BANDWIDTH)
    state = find_model("Qwen3-Next-80B-A3B")
    profile = roofline(H100, state)
    assert profile.decode_s(3, 0) == pytest.approx(3 * 2 * state.state_bytes_per_sequence("bf16") / BANDWIDTH)
    # Chunks of 8,192 tokens are half full on average.
    profile = roofline(H100, find_model("Llama-4-Scout-17B-16E"))
    assert profile.decode_s(1, 0) == pytest.approx(36 * 4096 * 4096 / BANDWIDTH)


def test_a_model_without_windows_pays_nothing_for_them() -> None:
    profile = roofline(H100, find_model("Llama-3.1-8B"))
    assert not profile.pure_a_s.any()
    assert not profile.mixed_a_s.any()


def test_windows_are_faster_than_none_at_long_contexts_and_the_same_in_all_else() -> None:
    model = find_model("gpt-oss-120b")
    full = with_mixers(model, {"window": None})
    assert full.parameters == model.parameters
    assert full.kv_bytes_per_token("bf16") == 2 * model.kv_bytes_per_token("bf16")
    windowed, whole = roofline(H100, model), roofline(H100, full)
    assert np.array_equal(windowed.dense_s, whole.dense_s)
    assert windowed.iteration_s([100_000] * 8) < 0.8 * whole.iteration_s([100_000] * 8)
    assert windowed.prefill_s(4096, 100_000) < 0.7 * whole.prefill_s(4096, 100_000)
    assert windowed.iteration_s([128]) == pytest.approx(whole.iteration_s([128]), rel=0.01)


def test_latent_attention_is_bound_by_arithmetic_with_many_heads_and_by_memory_with_few() -> None:
    gpu, model = find_gpu("H200"), find_model("DeepSeek-V3.1")
    fit = efficiencies(gpu.efficiencies)
    memory_s = 70_272 / (gpu.hbm_bytes_per_s * fit.decode)
    operations = 61 * 2 * 128 * (2 * 512 + 64)
    one, eight = roofline(gpu, model, 1, "fp8"), roofline(gpu, model, 8, "fp8")
    assert one.pure_b_s[0] == pytest.approx(max(memory_s, operations / (gpu.flop_per_s() * fit.prefill)))
    assert one.pure_b_s[0] > 1.2 * memory_s
    # Every rank reads the whole latent, with an eighth of the heads.
    assert eight.pure_b_s[0] == pytest.approx(memory_s)


def test_sparse_attention_reads_what_the_indexer_chose() -> None:
    gpu = find_gpu("H200")
    dense, sparse = (roofline(gpu, find_model(f"DeepSeek-V3.{n}"), 8, "fp8") for n in (1, 2))
    assert sparse.pure_b_s[0] < 0.3 * dense.pure_b_s[0]
    assert sparse.decode_s(1, 2048) > dense.decode_s(1, 2048)
    assert sparse.iteration_s([100_000] * 32) < 0.6 * dense.iteration_s([100_000] * 32)


def test_weights_that_are_widened_are_read_narrow_and_multiplied_wide() -> None:
    model = find_model("Llama-3.1-8B")
    wide, narrow, fp8 = (roofline(H100, model, dtype=dtype) for dtype in ("bf16", "int4", "fp8"))
    assert narrow.iteration_s([1]) < fp8.iteration_s([1]) < wide.iteration_s([1])
    assert fp8.iteration_s(chunks=[(8192, 0)]) < narrow.iteration_s(chunks=[(8192, 0)])
    assert narrow.iteration_s(chunks=[(8192, 0)]) == pytest.approx(wide.iteration_s(chunks=[(8192, 0)]), rel=0.1)


def test_parts_that_a_checkpoint_keeps_in_16_bits_are_read_so() -> None:
    model = find_model("gpt-oss-20b")
    everything = replace(model, checkpoint=replace(model.checkpoint, in_16_bits=frozenset()))
    saved_bytes = model.weight_bytes("mxfp4", 1) - everything.weight_bytes("mxfp4", 1)
    (attention, _) = model.mixers()
    assert saved_bytes == pytest.approx(24 * attention[1].weights(model.hidden) * (2 - 0.53125))
    assert roofline(H100, everything, dtype="mxfp4").iteration_s([1]) < roofline(
        H100, model, dtype="mxfp4"
    ).iteration_s([1])


def test_plain_layers_are_those_that_kernels_were_measured_of() -> None:
    assert find_model("Llama-3.1-8B").layer.attention.heads == 32
    with pytest.raises(ValueError, match="gpt-oss-120b: only models whose layers are all alike"):
        _ = find_model("gpt-oss-120b").layer
    with pytest.raises(ValueError, match=r"DeepSeek-V3\.1: only models"):
        _ = find_model("DeepSeek-V3.1").layer
    assert not Layers(1, (LatentAttention(8, 0, 512, 64, 128, 128),), None).plain
