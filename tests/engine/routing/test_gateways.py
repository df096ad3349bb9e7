"""The rules of real gateways against cases computed by hand; docs/routers.md has the formulas."""

from collections import Counter

import numpy as np
import pytest

from agentsim_env.engine.routing.rules.gateways import dynamo_cost
from tests.engine.hand_made import called
from tests.engine.routing.situation import Situation, answer


def cache_aware(*loads: int) -> Situation:
    """The router remembers to have sent most of the prompt to instance 0."""
    situation = Situation("cache_aware", instances=len(loads))
    situation.loads(*loads)
    situation.sent(0, 60)  # 960 of 1600 tokens
    return situation


def test_cache_aware_balances_only_imbalanced_loads() -> None:
    # SGLang: 35 > 32 and 40 > 1.5 * 5; 25 <= 32; 33 > 32 but 100 <= 1.5 * 67.
    assert cache_aware(40, 5).ask() == 1
    assert cache_aware(30, 5).ask() == 0
    assert cache_aware(100, 67).ask() == 0


def test_cache_aware_wants_more_than_half_of_the_prompt() -> None:
    situation = Situation("cache_aware")
    situation.sent(0, 50)  # 800 of 1600 tokens: not more than half
    situation.sent(1, 20)
    assert situation.ask() == 2  # the smallest tree
    situation.hold(5, 0, 10)
    situation.hold(5, 2, 30)  # a stranger's context
    assert situation.ask() == 1


def test_cache_aware_takes_the_longest_match_and_the_lower_index() -> None:
    situation = Situation("cache_aware")
    situation.sent(0, 52)
    situation.sent(2, 60)
    assert situation.ask() == 2
    situation.sent(1, 60)
    assert situation.ask() == 1


def test_cache_aware_does_not_hear_of_evictions() -> None:
    situation = Situation("cache_aware")
    situation.sent(1, 60)
    situation.cache(2, 100)
    assert situation.ask() == 1


@pytest.mark.parametrize(("weight", "costs", "best"), [(1, (18, 10, 11), 1), (0, (10, 5, 9), 1), (3, (34, 20, 15), 2)])
def test_dynamo_cost_of_the_documented_example(weight: float, costs: tuple[int, ...], best: int) -> None:
    workers = ((8.0, 10.0), (5.0, 5.0), (2.0, 9.0))
    found = [called(dynamo_cost, prefill, decode, float(weight)) for prefill, decode in workers]
    assert found == list(costs)
    assert int(np.argmin(found)) == best


@pytest.mark.parametrize(("weight", "best"), [(1.0, 1), (0.0, 1), (3.0, 2)])
def test_dynamo_on_the_documented_example(weight: float, best: int) -> None:
    # The example's workers with ten decode blocks more each: those of the turn itself.
    situation = Situation("dynamo", prompt_tokens=160, parameters={"overlap_score_weight": weight})
    for i, (cached, busy) in enumerate(((2, 10), (5, 5), (8, 9))):
        situation.cache(i, cached)
        situation.in_use(i, busy)
    assert situation.ask() == best
    prefill, decode = (8, 5, 2), (20, 15, 19)
    assert situation.scores == pytest.approx([weight * p + d for p, d in zip(prefill, decode, strict=True)])


def test_dynamo_counts_pending_prefills_and_shares_blocks() -> None:
    situation = Situation("dynamo", instances=2, prompt_tokens=160)
    # 64 tokens are still to be prefilled in the batch, 32 of a waiting turn, which will take 7 blocks.
    situation.set(0, asked_tokens=500, hit_tokens=300, prefill_tokens=136, expected_tokens=32, demand_blocks=7)
    situation.cache(0, 4, locked=True)  # in use by running turns: the turn needs six more
    situation.ask()
    assert situation.scores == pytest.approx([(64 + 32) / 16 + (10 - 4) + 4 + 7 + 6, 10 + 10])


def test_pinned_blocks_are_usage_of_the_cache_but_no_turn_decodes_with_them() -> None:
    dynamo = Situation("dynamo", instances=2, prompt_tokens=160)
    dynamo.pin(0, 100)
    dynamo.ask()
    assert dynamo.scores == pytest.approx([10 + 10, 10 + 10])
    pinned = llm_d()
    pinned.pin(2, 300)
    pinned.ask()
    assert pinned.scores[2] == pytest.approx(2 * 0.4 + 0.6 + 0.5)


def test_dynamo_with_a_temperature_draws_by_softmax() -> None:
    situation = Situation("dynamo", prompt_tokens=160, parameters={"router_temperature": 0.5}, seed=1)
    situation.in_use(1, 10)
    situation.in_use(2, 20)
    counts = Counter(situation.ask() for _ in range(4000))
    weights = np.exp([0.0, -0.5 / 0.5, -1.0 / 0.5])
    for i, share in enumerate(weights / weights.sum()):
        assert counts[i] / 4000 == pytest.approx(share, abs=0.03)


def llm_d(**parameters: float) -> Situation:
    situation = Situation("llm_d", parameters=parameters)
    for i, (cached, busy, waiting) in enumerate(((80, 500, 4), (0, 0, 0), (40, 100, 2))):
        situation.cache(i, cached)
        situation.in_use(i, busy)
        situation.set(i, n_waiting=waiting)
    return situation


def test_llm_d_weighs_prefix_memory_and_queue() -> None:
    situation = llm_d()
    assert situation.ask() == 2
    assert situation.scores == pytest.approx([2 * 0.8 + 0.5 + 0.0, 0.0 + 1.0 + 1.0, 2 * 0.4 + 0.9 + 0.5])
    assert llm_d(prefix_weight=3.0).ask() == 0
    assert llm_d(queue_weight=2.0).ask() == 1


def test_llm_d_can_normalise_matches_among_those_that_have_one() -> None:
    situation = llm_d(relative_prefix=1.0)
    assert situation.ask() == 0
    assert situation.scores == pytest.approx([2.0 + 0.5 + 0.0, 2.0, 0.0 + 0.9 + 0.5])


def test_llm_d_breaks_ties_at_random() -> None:
    counts = Counter(answer("llm_d", seed=seed) for seed in range(150))
    assert set(counts) == {0, 1, 2}
    assert min(counts.values()) > 30
