"""What engines add to their kernels, by generation."""

from dataclasses import replace

import numpy as np
import pytest

from agentsim_env.hardware import Profile, UnknownHardwareError, find_gpu, find_model, find_profile
from agentsim_env.hardware.engine_profiles import PLAIN, engine_profiles, find_engine, samplers, with_engine
from agentsim_env.hardware.sampling import PENALISED, SAMPLINGS, TOP_K, TOP_P, WHOLE

H100, LLAMA = find_gpu("H100"), find_model("Llama-3.1-8B")
MEASURED = find_profile(H100, LLAMA)


def served(name: str, sampling: str = WHOLE, gpu: str = "H100", vocab: int = LLAMA.vocab) -> Profile:
    return with_engine(MEASURED, find_engine(name), find_gpu(gpu), replace(LLAMA, vocab=vocab), sampling, 256)


def decode_s(profile: Profile, sequences: int) -> float:
    return profile.iteration_s([1000] * sequences)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_plain_engine_changes_nothing(sampling: str) -> None:
    assert served(PLAIN, sampling) is MEASURED


@pytest.mark.parametrize(("name", "step_s", "sequence_s"), [("vllm-0.12", 7e-4, 18e-6), ("vllm-0.19", 0.0, 9e-6)])
@pytest.mark.parametrize("sequences", [1, 7, 100, 256, 300])
def test_a_step_and_its_sequences_cost_what_the_generation_says(
    name: str, step_s: float, sequence_s: float, sequences: int
) -> None:
    added = decode_s(served(name), sequences) - decode_s(MEASURED, sequences)
    assert added == pytest.approx(step_s - MEASURED.overhead_s + sequence_s * sequences, abs=1e-9)


def test_sorting_costs_in_proportion_to_sequences_and_vocabulary() -> None:
    def sorting_s(sequences: int, vocab: int, gpu: str = "H100") -> float:
        cut, whole = (served("vllm-0.15", sampling, gpu, vocab) for sampling in (TOP_P, WHOLE))
        return decode_s(cut, sequences) - decode_s(whole, sequences)

    fixed_s = 1e-4
    assert sorting_s(128, 128_000) == pytest.approx(fixed_s + 2.5e-10 * 128 * 128_000)
    assert sorting_s(128, 256_000) - fixed_s == pytest.approx(2 * (sorting_s(128, 128_000) - fixed_s))
    assert sorting_s(64, 128_000) - fixed_s == pytest.approx((sorting_s(128, 128_000) - fixed_s) / 2)
    # It moves memory: as many times faster as the memory is.
    faster = find_gpu("B200").hbm_bytes_per_s / H100.hbm_bytes_per_s
    assert sorting_s(128, 128_000, "B200") - fixed_s == pytest.approx((sorting_s(128, 128_000) - fixed_s) / faster)


def test_few_sequences_are_sorted_where_a_kernel_takes_more() -> None:
    sort, triton = samplers()["sort"], samplers()["triton"]
    sequences = np.array([1.0, 7.0, 8.0, 128.0])
    sorting_s, threshold_s = (sampler.seconds(sequences, TOP_P, 131_072, H100) for sampler in (sort, triton))
    assert threshold_s[:2] == pytest.approx(sorting_s[:2])
    assert threshold_s[3] == pytest.approx(0.518e-3, rel=0.01)  # as in the table that it comes from
    assert threshold_s[3] < sorting_s[3] / 5


def test_generations_stand_in_the_order_of_their_samplers() -> None:
    times = [decode_s(served(name, TOP_K), 128) for name in ("vllm-0.12", "vllm-0.15", "vllm-0.19", "sglang")]
    assert times == sorted(times, reverse=True)


def test_penalties_cost_beside_the_cut() -> None:
    more = decode_s(served("vllm-0.15", PENALISED), 10) - decode_s(served("vllm-0.15", TOP_K), 10)
    assert more == pytest.approx(10 * find_engine("vllm-0.15").penalty_s)


def test_the_models_settings_hold_unless_others_are_asked_for() -> None:
    assert LLAMA.sampling == TOP_P
    assert decode_s(served("vllm-0.15", "model"), 50) == decode_s(served("vllm-0.15", TOP_P), 50)


def test_an_unknown_engine_lists_what_there_is() -> None:
    with pytest.raises(UnknownHardwareError, match=r"unknown engine 'vlm-0.19'; did you mean 'vllm-0.19'\?.* plain, "):
        find_engine("vlm-0.19")


@pytest.mark.parametrize("name", engine_profiles())
def test_every_number_says_where_it_comes_from(name: str) -> None:
    engine = find_engine(name)
    assert engine.source and engine.text
    assert samplers()[engine.sampler].source
    # What nobody chose on a run is taken from another entry or a table, and the source says which.
    assert engine.chosen_on or any(word in engine.source for word in ("overheads.yaml", "those of"))
