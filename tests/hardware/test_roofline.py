"""The roofline: physics that it must respect, and its error on models it has not seen."""

from pathlib import Path

import numpy as np
import pytest

from agentsim_env.hardware import find_gpu, find_model, gpus, models, roofline
from agentsim_env.hardware.all_reduce import all_reduce_s
from agentsim_env.hardware.attention_time import serial_floor_s
from agentsim_env.hardware.calibrate.leave_one_out import leave_one_out
from agentsim_env.hardware.efficiencies import efficiencies
from agentsim_env.hardware.roofline import experts_s, product_s


@pytest.mark.parametrize("gpu_name", list(gpus()))
@pytest.mark.parametrize("model_name", ["Qwen2.5-7B", "Qwen3-30B-A3B"])
def test_a_step_is_never_faster_than_memory_and_arithmetic_allow(gpu_name: str, model_name: str) -> None:
    gpu, model = find_gpu(gpu_name), find_model(model_name)
    profile = roofline(gpu, model)
    one = model.expected_layer_weights(1) * 2 / gpu.hbm_bytes_per_s
    assert one < profile.iteration_s([1]) < 4 * one + 0.02
    kv = 64 * 4096 * model.kv_bytes_per_token("bf16") / gpu.hbm_bytes_per_s
    assert profile.iteration_s([4096] * 64) - profile.iteration_s([1] * 64) > 0.99 * kv
    work = 2.0 * model.active_layer_weights * 8192 / gpu.flop_per_s()
    assert work < profile.iteration_s(chunks=[(8192, 0)]) < 4 * work + 0.05


def test_roofline_is_marked_estimated_and_says_from_what() -> None:
    profile = roofline(find_gpu("RTX 3090"), find_model("Qwen2.5-3B"))
    assert profile.estimated
    assert "efficiencies of A40" in profile.source


# Median times between tokens of vLLM 0.16 on an RTX 3090 with three agents in contexts of about 2,900 tokens: OneKV's
# metrics/perparadigm/{react,react7}.json. Nothing is fitted to that card.
@pytest.mark.parametrize(("model_name", "measured_ms"), [("Qwen2.5-3B", 10.48), ("Qwen2.5-7B", 20.36)])
def test_a_card_without_kernel_tables_is_predicted_from_its_data_sheet(model_name: str, measured_ms: float) -> None:
    profile = roofline(find_gpu("RTX 3090"), find_model(model_name))
    assert 1e3 * profile.iteration_s([2900] * 3) == pytest.approx(measured_ms, rel=0.08)


def test_more_ranks_are_faster_but_not_in_proportion() -> None:
    gpu, model = find_gpu("H100"), find_model("Llama-3.1-70B")
    times = [roofline(gpu, model, tp).iteration_s([2000] * 16) for tp in (2, 4, 8)]
    assert times[0] > times[1] > times[2] > times[0] / 4


def test_fp8_halves_the_weights_read() -> None:
    gpu, model = find_gpu("A100"), find_model("Llama-3.1-8B")
    saved = roofline(gpu, model).iteration_s([1]) - roofline(gpu, model, dtype="fp8").iteration_s([1])
    layers = model.layer_weights / (gpu.hbm_bytes_per_s * efficiencies("A100").products["bf16"].weights)
    assert saved == pytest.approx(layers, rel=0.05)


def test_all_reduce_reads_the_measured_table() -> None:
    sizes = np.array([8192.0, 16777216.0, 2 * 268435456.0])
    expected = np.array([4.545e-6, 473.5e-6, 2 * 7106e-6])
    assert all_reduce_s(sizes, find_gpu("RTX-PRO-6000"), 2) == pytest.approx(expected, rel=1e-3)
    assert not all_reduce_s(sizes, find_gpu("H100"), 1).any()
    with pytest.raises(ValueError, match="tp 16: H100 has all-reduce times for 2, 4, 8 GPUs"):
        all_reduce_s(sizes, find_gpu("H100"), 16)


# Slope of attention over the longest context in mixed grids: workloads_and_latency.md 3.3.
@pytest.mark.parametrize(("gpu_name", "ns"), [("RTX-4090", 32), ("RTX-PRO-6000", 23)])
def test_serial_floor_of_one_tile_matches_the_measured_one(gpu_name: str, ns: float) -> None:
    gpu, model = find_gpu(gpu_name), find_model("Llama-3.1-8B")
    floor_s = serial_floor_s(gpu, model, efficiencies(gpu.efficiencies))
    assert floor_s / model.layers * 1e9 == pytest.approx(ns, rel=0.15)


def test_every_model_has_a_profile_on_every_gpu() -> None:
    for gpu in gpus().values():
        for model in models().values():
            for tp in (1, 2, 4):
                assert roofline(gpu, model, tp).iteration_s([100] * 4, [(64, 128)]) > 0


@pytest.mark.parametrize("gpu_name", ["H100", "A100", "GB200", "L40S"])
def test_a_model_is_predicted_from_the_kernels_of_others(tables: Path, gpu_name: str) -> None:
    for found in leave_one_out(tables, (gpu_name,)):
        assert found.mean < 0.06, f"{found.gpu} {found.model} tp{found.tp}: {100 * found.mean:.1f} %"


@pytest.mark.parametrize(("tokens", "measured_us"), [(512, 912), (1024, 970), (2048, 1067)])
def test_experts_compute_whole_tiles(tokens: int, measured_us: float) -> None:
    """Grouped products of Qwen3-30B-A3B on an RTX PRO 6000, all experts woken (vllm_layers_rtx.csv)."""
    gpu, model = find_gpu("RTX-PRO-6000"), find_model("Qwen3-30B-A3B")
    experts = model.layers_alike[0].experts
    assert experts is not None
    (seconds,) = experts_s(
        np.array([float(tokens)]), efficiencies(gpu.efficiencies), gpu, experts, model.hidden, 1, "bf16"
    )
    assert 1e6 * seconds == pytest.approx(measured_us, rel=0.08)


def test_long_fp8_products_of_an_h200_run_at_the_steady_rate_of_its_chip() -> None:
    h100, h200 = (efficiencies(name) for name in ("H100", "H200"))
    seconds = [
        product_s(np.array([8192.0]), 28672, 8192, fit, find_gpu(name), "fp8")[0]
        for name, fit in (("H100", h100), ("H200", h200))
    ]
    assert seconds[1] == pytest.approx(seconds[0], rel=0.08)
    assert h200.products["fp8"].compute > h200.products["fp8"].steady_compute == h100.products["fp8"].compute


@pytest.mark.parametrize("gpu_name", ["H100", "H200", "B200"])
def test_decodes_beside_a_chunk_are_as_fast_as_alone_where_heads_are_packed(gpu_name: str) -> None:
    profile = roofline(find_gpu(gpu_name), find_model("Llama-2-7B"))
    alone, beside = (profile.decode_s(60, 60 * 700, mixed=mixed) for mixed in (False, True))
    assert beside == pytest.approx(alone, rel=0.01)
    assert profile.serial_mixed_s == 0.0
