"""Routing rules of 2026 against cases computed by hand; docs/routers.md has the formulas.

A prompt has 1,600 tokens, 100 whole blocks.
"""

from collections import Counter

import pytest

from tests.engine.routing.situation import Situation

# llm-d's.


def test_llm_d_baseline_weighs_prefix_queue_and_memory_3_2_2() -> None:
    situation = Situation("llm_d_baseline")
    for i, (cached, busy, waiting) in enumerate(((80, 500, 4), (0, 0, 0), (40, 100, 3))):
        situation.cache(i, cached)
        situation.in_use(i, busy)
        situation.set(i, n_waiting=waiting)
    assert situation.ask() == 1
    assert situation.scores == pytest.approx([3 * 0.8 + 2 * 0.5, 2 * 1.0 + 2 * 1.0, 3 * 0.4 + 2 * 0.9 + 2 * 0.25])


def sticky(**parameters: float) -> Situation:
    """Instances 0 and 1 have 80 and 100 of the prompt's 100 blocks, instance 2 has 79."""
    situation = Situation("sticky_until_saturated", parameters=parameters)
    for i, cached in enumerate((80, 100, 79)):
        situation.cache(i, cached)
    return situation


def test_sticky_takes_the_fewest_tokens_of_the_warm_ones() -> None:
    situation = sticky()
    assert situation.ask() == 1  # 1,600 tokens - 99 blocks, against 1,600 - 80 blocks
    situation.set(1, expected_tokens=305)
    assert situation.ask() == 0  # 16 + 305 against 320
    situation.set(0, expected_tokens=500)
    situation.set(1, expected_tokens=500)
    assert situation.ask() == 1  # instance 2 is idle, but not warm


def test_sticky_lets_all_compete_when_the_warm_ones_are_saturated() -> None:
    situation = sticky(peak_prefill_tokens_per_s=100.0, patience_s=5.0)
    situation.set(0, expected_tokens=900)
    situation.set(1, expected_tokens=800)
    situation.set(2, expected_tokens=300)
    assert situation.ask() == 1  # 800 - 300 is no more than 500
    situation.set(2, expected_tokens=299)
    assert situation.ask() == 2  # 299 + 336 against 800 + 16
    situation.set(2, expected_tokens=100)
    situation.set(1, expected_tokens=400)
    assert situation.ask() == 1


def test_sticky_spreads_what_is_warm_nowhere_and_breaks_ties_at_random() -> None:
    counts: Counter[int] = Counter()
    for seed in range(60):
        situation = Situation("sticky_until_saturated", seed=seed)
        situation.set(1, expected_tokens=10)
        counts[situation.ask()] += 1
    assert set(counts) == {0, 2}
    assert min(counts.values()) > 15


# Metrics.


def test_lmetric_multiplies_what_is_missing_by_the_turns() -> None:
    situation = Situation("lmetric")
    situation.loads(9, 4, 0)
    for i, cached in enumerate((90, 70, 0)):
        situation.cache(i, cached)
    assert situation.ask() == 0  # the lower index wins a tie
    assert situation.scores == [160 * 10, 480 * 5, 1600 * 1]
    situation.set(0, n_waiting=1)
    assert situation.ask() == 2
    situation.set(2, n_waiting=1)
    assert situation.ask() == 0  # 160 x 11 against 1,600 x 2


def smetric(**parameters: float) -> Situation:
    """A later turn: 800 tokens of its 1,600 are history. Instance 0 has 400 tokens of them, instance 2 has 320."""
    situation = Situation("smetric", parameters=parameters)
    situation.home(2)
    situation.state.turn["new_tokens"] = 800
    situation.cache(0, 25)
    situation.cache(2, 20)
    situation.loads(4, 1, 2)
    return situation


def test_smetric_goes_where_most_of_the_history_is() -> None:
    assert smetric().ask() == 0
    situation = smetric()
    situation.state.program_run["home"][0] = -1
    assert situation.ask() == 1  # its first turn


def test_smetric_leaves_an_instance_that_is_overloaded() -> None:
    situation = smetric()
    situation.loads(6, 1, 2)  # twice the mean of 3
    assert situation.ask() == 0
    situation.loads(7, 1, 2)
    assert situation.ask() == 1


def test_smetric_leaves_what_has_lost_the_history() -> None:
    assert smetric(hit_share=0.51).ask() == 1
    situation = smetric()
    situation.state.turn["new_tokens"] = 799
    assert situation.ask() == 1


def test_smetric_takes_the_less_loaded_of_equal_hits() -> None:
    situation = smetric()
    situation.cache(1, 25)
    situation.loads(2, 1, 1)
    assert situation.ask() == 1
