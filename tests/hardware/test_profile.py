"""The latency form: worked examples, and the vectorised twin used in fitting."""

import numpy as np
import pytest

from agentsim_env.hardware.calibrate.steps import Steps, predict_s
from agentsim_env.hardware.profile import Profile, interpolate


def tiny(**changes: object) -> Profile:
    profile = Profile(
        dense_tokens=np.array([1.0, 100.0]),
        dense_s=np.array([10.0, 20.0]),
        seq_n=np.array([1.0, 2.0]),
        seq_s=np.array([1.0, 2.0]),
        dec_n=np.array([1.0, 3.0]),
        pure_a_s=np.array([0.5, 1.5]),
        pure_b_s=np.array([0.01, 0.02]),
        mixed_a_s=np.array([1.0, 2.0]),
        mixed_b_s=np.array([0.03, 0.05]),
        pre_c=np.array([10.0, 20.0]),
        pre_a_s=np.array([2.0, 6.0]),
        pre_b_s=np.array([0.1, 0.3]),
        overhead_s=0.25,
        cpu_s=0.0,
        cpu_per_seq_s=0.0,
        cpu_per_token_s=0.0,
        serial_pure_s=0.0,
        serial_mixed_s=0.0,
    )
    return profile.replace(**changes)


def test_interpolation_is_constant_below_linear_between_and_extrapolated_above() -> None:
    knots, values = np.array([2.0, 4.0, 8.0]), np.array([1.0, 3.0, 4.0])
    assert interpolate(1, knots, values) == 1.0
    assert interpolate(3, knots, values) == 2.0
    assert interpolate(12, knots, values) == pytest.approx(5.0)
    assert interpolate(7, knots[:1], values[:1]) == 1.0


def test_pure_decode_by_hand() -> None:
    # Two decodes, 100 + 200 tokens: dense(2) = 10.101..., per_seq(2) = 2, a(2) = 1, b(2) = 0.015.
    expected = 0.25 + (10 + 10 / 99) + 2 + 1 + 0.015 * 300
    assert tiny().iteration_s([100, 200]) == pytest.approx(expected)


def test_mixed_step_by_hand() -> None:
    # One decode of 50 tokens, one chunk of 15 on 40: N = 16, n = 2; A = 4 + 0.2 * 40; D = 1 + 0.03 * 50.
    expected = 0.25 + (10 + 10 * 15 / 99) + 2 + (1 + 0.03 * 50) + (4 + 0.2 * 40)
    assert tiny().iteration_s([50], [(15, 40)]) == pytest.approx(expected)
    assert tiny(chunk_overhead_s=0.5).iteration_s([50], [(15, 40)]) == pytest.approx(expected + 0.5)
    assert tiny(chunk_overhead_s=0.5).iteration_s([50]) == tiny().iteration_s([50])


def test_serial_floor_replaces_attention_only() -> None:
    dense = 0.25 + (10 + 10 * 15 / 99) + 2
    assert tiny(serial_mixed_s=0.5).iteration_s([50], [(15, 40)]) == pytest.approx(dense + 0.5 * 55)
    assert tiny(serial_mixed_s=0.01).iteration_s([50], [(15, 40)]) == tiny().iteration_s([50], [(15, 40)])
    assert tiny(serial_mixed_s=0.5).iteration_s([50]) == tiny().iteration_s([50])


def test_cpu_floor() -> None:
    profile = tiny(cpu_s=30.0, cpu_per_seq_s=1.0, cpu_per_token_s=0.1)
    assert profile.iteration_s([100, 200]) == pytest.approx(0.25 + 30 + 2 + 0.2)


def test_an_empty_step_takes_no_time() -> None:
    assert tiny().iteration_s() == 0.0


def test_prefill_in_chunks_is_the_sum_of_its_iterations() -> None:
    profile = tiny()
    parts = [profile.iteration_s(chunks=[(20, 7)]), profile.iteration_s(chunks=[(15, 27)])]
    assert profile.prefill_s(35, cached_tokens=7, chunk_tokens=20) == pytest.approx(sum(parts))


def test_vectorised_prediction_equals_the_definition() -> None:
    rng = np.random.default_rng(7)
    profile = tiny(serial_mixed_s=0.02, serial_pure_s=0.01, cpu_s=12.0, cpu_per_token_s=0.05, chunk_overhead_s=0.3)
    decodes = rng.integers(0, 6, 300).astype(float)
    chunks = np.where(decodes == 0, 1, rng.integers(0, 3, 300)).astype(float)
    context = np.where(decodes > 0, rng.integers(1, 500, 300), 0).astype(float)
    new = np.where(chunks > 0, rng.integers(1, 60, 300), 0).astype(float)
    cached = np.where(chunks > 0, rng.integers(0, 300, 300), 0).astype(float)
    predicted = predict_s(profile, Steps(decodes, context, chunks, new, cached, np.ones(300)))
    for i in range(300):
        contexts = [int(context[i])] * int(decodes[i])
        pieces = [(int(new[i]), int(cached[i]))] * int(chunks[i])
        assert predicted[i] == pytest.approx(profile.iteration_s(contexts, pieces), rel=1e-12)


def test_bad_tables_are_refused() -> None:
    with pytest.raises(ValueError, match="dense_tokens must increase"):
        tiny(dense_tokens=np.array([5.0, 5.0]))
    with pytest.raises(ValueError, match="pre_a_s and pre_c differ in length"):
        tiny(pre_a_s=np.array([1.0]))
    with pytest.raises(ValueError, match="seq_s is not finite"):
        tiny(seq_s=np.array([1.0, np.nan]))


def test_tables_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        tiny().dense_s[0] = 1.0
