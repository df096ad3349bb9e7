"""A CPU tier of an engine description."""

from pathlib import Path

import pytest

from agentsim_env.validation.cpu_tier import CpuTier
from agentsim_env.validation.engine_description import EngineDescription, load_engine
from agentsim_env.validation.problems import ValidationError
from agentsim_env.validation.replay import Replay, simulate
from agentsim_env.workload.builder import ProgramBuilder

TOKENS = 16 * 600
"""Of each prompt: the GPU holds one of them at a time."""


def engine(tier: CpuTier | None) -> EngineDescription:
    return EngineDescription(gpu="H100", model="Llama-3.1-8B", kv_blocks=800, max_num_seqs=8, cpu_tier=tier)


def two_prompts_in_turn(tier: CpuTier | None) -> Replay:
    """Two prompts, sent again when the other has taken their place."""
    builder = ProgramBuilder()
    known = [builder.add_segment(600) for _ in range(2)]
    for number in range(4):
        leaf = builder.add_segment(2, known[number % 2])
        builder.add_turn(builder.add_program(100.0 * number), leaf, prompt_tokens=TOKENS + 8, output_tokens=4)
    return simulate(builder.build(), engine(tier))


def test_without_a_tier_what_has_left_the_gpu_is_computed_again() -> None:
    found = two_prompts_in_turn(None).found
    assert (found.coverage, found.tier_hit) == (pytest.approx(found.gpu_coverage), 0.0)
    assert found.gpu_coverage < 0.2


@pytest.mark.parametrize("policy", ["write_through", "write_back"])
def test_what_has_left_the_gpu_comes_back_from_the_tier(policy: str) -> None:
    replayed = two_prompts_in_turn(CpuTier(capacity_gib=10.0, write_policy=policy))  # pyright: ignore[reportArgumentType]
    assert replayed.found.hit_tokens.tolist() == [0, 0, TOKENS, TOKENS]
    assert replayed.found.coverage == pytest.approx(0.5, abs=0.001)
    assert replayed.found.coverage - replayed.found.gpu_coverage == pytest.approx(
        replayed.found.loaded_tokens / (4 * (TOKENS + 8))
    )


def test_a_look_up_and_a_retrieval_take_time() -> None:
    quick = two_prompts_in_turn(CpuTier(capacity_gib=10.0)).requests.ttft_s
    slow = two_prompts_in_turn(CpuTier(capacity_gib=10.0, latency_s=0.5, lookup_s=0.25)).requests.ttft_s
    assert slow - quick == pytest.approx([0.25, 0.25, 0.75, 0.75], abs=1e-3)


def test_the_link_is_that_of_the_gpus_unless_it_is_given() -> None:
    tp2 = EngineDescription(gpu="H100", model="Llama-3.1-8B", tp=2)
    (tier,) = CpuTier(capacity_gib=1.0).memory(tp2.engines(), 16)["tiers"]
    assert tier.down_bytes_per_s == [pytest.approx(0.8 * 2 * 64e9)]
    (tier,) = CpuTier(capacity_gib=1.0, link_gb_per_s=10.0).memory(tp2.engines(), 16)["tiers"]
    assert tier.up_bytes_per_s == [10e9]
    assert tier.blocks == 2**30 // (16 * 131_072)


def test_the_yaml_names_its_fields(tmp_path: Path) -> None:
    file = tmp_path / "engine.yaml"
    file.write_text("gpu: H100\nmodel: Llama-3.1-8B\ncpu_tier: {capacity_gib: 0}\n")
    with pytest.raises(ValidationError, match=r"cpu_tier\.capacity_gib: Input should be greater than 0"):
        load_engine(file)
