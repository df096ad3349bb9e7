"""Calibration from every layout, on tables whose right answer is known."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from agentsim_env.hardware import find_gpu, find_model, find_profile, roofline
from agentsim_env.hardware.calibrate import calibrate, fit_steps, read_kernels, regime_errors
from agentsim_env.hardware.calibrate.least_squares import robust
from agentsim_env.hardware.calibrate.llmservingsim import find_flat
from agentsim_env.hardware.calibrate.steps import Steps, basis, predict_s
from agentsim_env.hardware.calibrate.tables import read_csv, select


def write(file: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(header)
        writer.writerows(rows)


def random_steps(count: int, seed: int) -> Steps:
    rng = np.random.default_rng(seed)
    decodes = rng.choice([0, 1, 4, 16, 64], count).astype(float)
    new = np.where((decodes == 0) | (rng.random(count) < 0.5), rng.choice([64, 256, 1024, 2048], count), 0).astype(
        float
    )
    context = np.where(decodes > 0, np.exp(rng.uniform(3, 9, count)).round(), 0)
    cached = np.where(new > 0, rng.choice([0, 512, 4096], count), 0).astype(float)
    return Steps(decodes, context, (new > 0).astype(float), new, cached, np.ones(count))


def test_robust_fit_ignores_outliers_and_stays_nonnegative() -> None:
    x = np.linspace(1, 10, 40)
    matrix = np.column_stack([np.ones(40), x, x**2])
    target = 3 + 2 * x
    target[5] *= 5
    answer = robust(matrix, target, np.abs(target), np.ones(40))
    assert answer == pytest.approx([3, 2, 0], abs=0.05)
    assert (answer >= 0).all()


def test_basis_rebuilds_a_piecewise_linear_table() -> None:
    knots, values = np.array([1.0, 4.0, 16.0]), np.array([3.0, 1.0, 5.0])
    x = np.array([0.5, 1.0, 2.5, 16.0, 28.0])
    assert basis(x, knots) @ values == pytest.approx([3.0, 3.0, 2.0, 5.0, 9.0])


def test_plain_csv_recovers_an_engine_that_differs_from_what_was_known(tmp_path: Path) -> None:
    gpu, model = find_gpu("H100"), find_model("Llama-3.1-8B")
    # An engine with slower products, twice the decode attention and an overhead, timed with 1 % noise.
    known = find_profile(gpu, model)
    truth = known.replace(
        dense_s=1.3 * known.dense_s, pure_b_s=2 * known.pure_b_s, mixed_b_s=1.5 * known.mixed_b_s, overhead_s=0.002
    )
    steps = random_steps(400, seed=1)
    noise = np.random.default_rng(2).normal(1, 0.01, 400)
    steps = steps.timed(predict_s(truth, steps) * noise)
    file = tmp_path / "mine.csv"
    write(
        file,
        ("prefill_tokens", "cached_tokens", "decodes", "context_tokens", "ms"),
        zip(
            steps.new_tokens, steps.cached_tokens, steps.decodes, steps.context_tokens, steps.seconds * 1e3, strict=True
        ),
    )
    result = calibrate(file, "H100", "Llama-3.1-8B", out=tmp_path / "mine.yaml", picture=tmp_path / "mine.png")
    assert {error.regime for error in result.errors} == {"decode", "prefill", "mixed"}
    assert all(error.mean < 0.015 for error in result.errors)
    fresh = random_steps(300, seed=3)
    fresh = fresh.timed(predict_s(truth, fresh))
    assert all(error.mean < 0.02 for error in regime_errors(result.profile, fresh))
    assert all(error.mean > 0.1 for error in regime_errors(known, fresh))
    assert (tmp_path / "mine.yaml").is_file()
    assert (tmp_path / "mine.png").read_bytes().startswith(b"\x89PNG")


def test_what_plain_data_does_not_show_stays_near_the_prior() -> None:
    prior = roofline(find_gpu("A100"), find_model("Llama-3.1-8B"))
    steps = random_steps(60, seed=4)
    decoding = steps.where(steps.chunks == 0)
    fitted = fit_steps(decoding.timed(1.2 * predict_s(prior, decoding)), prior, "test")
    unseen = steps.where(steps.chunks > 0)
    ratio = predict_s(fitted, unseen) / predict_s(prior, unseen)
    assert np.median(ratio) == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("-1", "0", "1", "10", "5"), "line 2: prefill_tokens is -1"),
        (("0", "0", "0", "0", "5"), "line 2: no prefill tokens, no decodes"),
        (("8", "0", "1", "", "5"), "line 2: context_tokens is nan"),
    ],
)
def test_plain_csv_errors_name_line_and_column(tmp_path: Path, row: tuple[str, ...], message: str) -> None:
    file = tmp_path / "bad.csv"
    write(file, ("prefill_tokens", "cached_tokens", "decodes", "context_tokens", "ms"), [row])
    with pytest.raises(ValueError, match=message):
        calibrate(file, "H100", "Llama-3.1-8B")


def test_an_unknown_layout_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no known layout(.|\n)*dense\.csv(.|\n)*mlp\.csv"):
        calibrate(tmp_path, "H100", "Llama-3.1-8B")


def test_an_llmservingsim_bundle_equals_the_flattened_copy(tables: Path, tmp_path: Path) -> None:
    gpu, model = find_gpu("RTX-4090"), find_model("Llama-3.1-8B")
    flat = find_flat(tables, gpu, model, 1)
    assert flat is not None
    layers = select(read_csv(tables / "vllm_layers_rtx.csv", ("gpu",)), gpu="RTX4090")
    for name, kind, count in (("dense", "dense", "tokens"), ("per_sequence", "per_sequence", "sequences")):
        rows = select(layers, table=kind)
        columns = zip(rows["layer"], rows["x"], rows["us"], strict=True)
        write(tmp_path / f"{name}.csv", ("layer", count, "time_us"), columns)
    calls = select(read_csv(tables / "vllm_attention_mixed_rtx.csv.gz", ("gpu",)), gpu="RTX4090")
    columns = ("prefill_chunk", "kv_prefill", "n_decode", "kv_decode")
    write(
        tmp_path / "attention.csv",
        (*columns, "time_us"),
        zip(*(calls[name] for name in (*columns, "us")), strict=True),
    )
    bundle = read_kernels(tmp_path, gpu, model, 1, "bf16", "bf16")
    assert bundle.dense_s == pytest.approx(flat.dense_s)
    assert bundle.per_sequence_s == pytest.approx(flat.per_sequence_s)
    assert bundle.whole_steps().seconds == pytest.approx(flat.whole_steps().seconds)


def test_expert_layers_follow_the_experts_that_a_step_wakes(tables: Path) -> None:
    kernels = find_flat(tables, find_gpu("RTX-PRO-6000"), find_model("Qwen3-30B-A3B"), 1)
    assert kernels is not None
    rows = select(read_csv(tables / "vllm_layers_rtx.csv", ("gpu",)), model="Qwen3-30B-A3B-Instruct-2507", tp=1)
    eight = select(rows, layer="moe_experts_8", x=1)["us"][0]
    assert kernels.dense["experts"][0] == pytest.approx(48 * eight * 1e-6)
    full = select(rows, layer="moe_experts_128", x=2048)["us"][0]
    at_2048 = np.interp(2048, kernels.tokens, kernels.dense["experts"])
    assert at_2048 == pytest.approx(48 * full * 1e-6, rel=1e-3)


def test_a_vidur_profile(tmp_path: Path) -> None:
    layers = {"attn_pre_proj": 0.1, "attn_post_proj": 0.05, "mlp_up_proj": 0.4, "mlp_down_proj": 0.2}
    small = {"input_layernorm": 0.01, "post_attention_layernorm": 0.01, "attn_rope": 0.01, "mlp_act": 0.02, "add": 0.01}
    names = [f"time_stats.{name}.median" for name in (*layers, *small)]
    per_token = [*layers.values(), *small.values()]
    write(
        tmp_path / "mlp.csv",
        ("num_tokens", "num_tensor_parallel_workers", *names),
        [
            (tokens, tp, *(value * (1 + tokens / 100) / tp for value in per_token))
            for tokens in (1, 100, 1000)
            for tp in (1, 2)
        ],
    )
    decode = [(2, n, 0, x, False, "", 0.01 + n * x * 1e-6) for n in (1, 8, 64) for x in (100, 1000, 10000)]
    prefill = [(2, 1, c, k, True, 0.01 + c * (k + c / 2) * 1e-7, "") for c in (128, 512, 2048) for k in (0, 1000)]
    write(
        tmp_path / "attention.csv",
        (
            "num_tensor_parallel_workers",
            "batch_size",
            "prefill_chunk_size",
            "kv_cache_size",
            "is_prefill",
            "time_stats.attn_prefill.median",
            "time_stats.attn_decode.median",
        ),
        [*decode, *prefill],
    )
    result = calibrate(tmp_path, "A100", "Llama-3.1-8B", tp=2)
    gemm = 32 * sum(layers.values()) / 2 * 1e-3
    assert np.interp(100, result.profile.dense_tokens, result.profile.parts["gemm"]) == pytest.approx(2 * gemm)
    # 1e-6 ms per token and layer of KV; the first of 8 x 1,001 tokens costs what the launch of 0.01 ms does not hide.
    assert result.profile.decode_s(8, 8 * 5001) == pytest.approx(32 * 8 * 5000 * 1e-9, rel=0.02)
    assert {error.regime for error in result.errors} == {"decode", "prefill"}
    assert all(error.mean < 0.01 for error in result.errors)


def test_operator_tables_need_rows_of_the_gpu(tables: Path) -> None:
    with pytest.raises(ValueError, match=r"gemm\.csv: no rows for A40; it has A100-SXM-80GB, B200-SXM"):
        read_kernels(tables, find_gpu("A40"), find_model("Llama-3.1-8B"), 1, "bf16", "bf16")
    with pytest.raises(ValueError, match=r"no attention with \{'hq': 28, 'hkv': 4"):
        read_kernels(tables, find_gpu("H100"), find_model("Qwen2.5-7B"), 1, "bf16", "bf16")
