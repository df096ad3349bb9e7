"""Stages of shared prefixes, and pairs of runs."""

from pathlib import Path

import pytest

from agentsim_env.validation.engine_description import EngineDescription
from agentsim_env.validation.measurements import Stage
from agentsim_env.validation.programs.pull import pulls
from agentsim_env.validation.programs.shared_prefix import Prompts, run_stages
from agentsim_env.validation.programs.shared_prefix_cells import Pair, client_pairs, tier_pairs

ENGINE = EngineDescription(gpu="H100", model="Llama-3.1-8B", kv_blocks=40_000, max_num_seqs=64)


def test_a_stage_that_comes_again_finds_its_prefixes() -> None:
    prompts = Prompts(groups=4, per_group=2, prefix_tokens=4096, question_tokens=64, output_tokens=8)
    cold, warm = run_stages(prompts, (Stage(1.0, 8.0), Stage(1.0, 8.0)), ENGINE, "round_robin")
    assert cold.rate_per_s == warm.rate_per_s == 1.0
    assert warm.ttft_mean_s < 0.5 * cold.ttft_mean_s
    assert 0 < warm.output_tok_s <= 8 * 8 / 5.0
    assert warm.total_tok_s == pytest.approx(warm.output_tok_s * (4096 + 64 + 8) / 8)


@pytest.mark.parametrize(
    ("measured", "simulated", "agrees"),
    [((1.0, 2.0), (3.0, 4.0), True), ((1.0, 2.0), (3.0, 3.1), False), ((1.0, 0.95), (3.0, 3.1), True)],
)
def test_pairs_agree_where_both_differ_the_same_way(measured, simulated, agrees: bool) -> None:
    assert Pair("", "", measured, simulated).agrees_in_sign is agrees


def test_ratios() -> None:
    pair = Pair("", "", (2.0, 1.0), (4.0, 3.0))
    assert pair.ratios == (0.5, 0.75)
    assert pair.ratio_error == pytest.approx(0.5)


def test_throughput_with_a_tier_on_h100(measured: Path) -> None:
    pairs = [*tier_pairs(measured.parent), *client_pairs(measured.parent)]
    pairs = [pair for pair in pairs if pair.metric == "tokens/s"]
    assert len(pairs) == 5
    assert all(abs(pair.ratio_error) <= 0.15 for pair in pairs)


def test_pulling_beats_recomputing_as_measured(measured: Path) -> None:
    found = pulls(measured.parent)
    assert [one.tokens for one in found] == [2048, 8192, 32768, 49152]
    errors = {one.tokens: one.ratios[1] / one.ratios[0] - 1 for one in found}
    assert all(one.ratios[1] < 1.0 for one in found)
    # docs/fidelity.md tells of the one that is missed, by half a per cent.
    assert [tokens for tokens, error in errors.items() if abs(error) > 0.15] == [8192]
