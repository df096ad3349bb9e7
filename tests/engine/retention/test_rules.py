"""Each retention rule against cases computed by hand; docs/residency.md has the waste."""

import math

import pytest

from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.retention.rules import RETAIN_RULES
from agentsim_env.engine.retention.rules.waste import discard_waste, forward_line, preserve_waste
from tests.engine.hand_made import bound, called
from tests.engine.retention.leaving import DOWN, FIRST, Leaving
from tests.engine.routing.situation import Engine

line_of = bound(forward_line)


@pytest.mark.parametrize("rule", sorted(set(RETAIN_RULES) - {"leave", "evict_always", "swap", "ttl", "infercept"}))
def test_without_a_tool_there_is_nothing_to_predict(rule: str) -> None:
    assert Leaving(rule, tools=()).gaps(0.1).pin_s() == 0.0


def test_ttl_pins_all_alike() -> None:
    assert Leaving("ttl").pin_s() == 2.0
    assert Leaving("ttl", parameters={"tau_s": 7.0}).pin_s() == 7.0


# Continuum.

FEW = {"samples": 3.0}


def test_continuum_weighs_the_share_that_is_back_against_the_time() -> None:
    # 1,000 tokens take 1 s to prefill; nobody has waited: a benefit of 1 s.
    made = Leaving("continuum", parameters=FEW).gaps(0.1, 0.2, 0.4, 5.0)
    # 1/4 - 0.1 = 0.15, 2/4 - 0.2 = 0.3, 3/4 - 0.4 = 0.35, 1 - 5 < 0
    assert made.pin_s() == 0.4
    # A benefit of 17 s: 3/4 x 17 - 0.4 = 12.35 < 17 - 5
    assert made.waited(32.0, turns=2).pin_s() == 0.4
    # A benefit of 19 s: 13.85 < 14
    assert made.waited(36.0, turns=2).pin_s() == 5.0


def test_continuum_leaves_what_comes_back_too_late() -> None:
    assert Leaving("continuum", parameters=FEW).gaps(3.0, 3.0, 4.0, 5.0).pin_s() == 0.0
    # A gap of no length is within any time: P(0) = 1/4 is worth 0.25 s without a pin, 2/4 - 0.3 less.
    assert Leaving("continuum", parameters=FEW).gaps(0.0, 0.3, 4.0, 5.0).pin_s() == 0.0


def test_continuum_counts_the_wait_as_far_as_lengths_are_predictable() -> None:
    made = Leaving("continuum", parameters=FEW).gaps(0.1, 0.2, 0.4, 5.0).waited(36.0, turns=2)
    assert made.lengths(2, 3).pin_s() == 0.4  # eta = 0.5: a benefit of 10 s, 7.1 > 5


def test_continuum_takes_all_tools_until_it_knows_this_one() -> None:
    made = Leaving("continuum", parameters=FEW).gaps(0.1, 0.1, 0.1, tool=1).gaps(0.6, 0.6, 0.6)
    assert made.pin_s() == 0.1  # 3/6 - 0.1 = 0.4 and 1 - 0.6 = 0.4: of equals the shorter
    assert made.gaps(0.6).pin_s() == 0.6  # its own, after more than three: 1 - 0.6


def test_continuum_begins_with_an_exponential_gap() -> None:
    # The maximum of (1 - exp(-tau / m)) 1 s - tau is at m ln(1 / m).
    made = Leaving("continuum", parameters={"first_gap_s": 0.25})
    assert made.pin_s() == pytest.approx(0.25 * math.log(4))
    assert Leaving("continuum").pin_s() == 0.0  # a gap of 1 s: no time is worth it
    assert made.gaps(0.4, 0.6).pin_s() == pytest.approx(0.5 * math.log(2))
    # eta counts as 1 as yet
    assert made.waited(1.0).lengths(2, 3).pin_s() == pytest.approx(0.5 * math.log(4))


def test_continuum_as_released_pins_two_seconds_for_fast_and_unknown_tools() -> None:
    assert Leaving("continuum_released").pin_s() == 2.0
    assert Leaving("continuum_released").gaps(1.0, 3.0).pin_s() == 2.0
    assert Leaving("continuum_released").gaps(1.0, 3.1).pin_s() == 0.0
    assert Leaving("continuum_released").gaps(50.0, tool=1).pin_s() == 2.0


def test_of_several_tools_that_counts_which_answers_first() -> None:
    made = Leaving("continuum_released", tools=(1, 0), gap_s=(1.0, 1.0)).gaps(50.0, tool=1).gaps(1.0, tool=0)
    assert made.pin_s() == 2.0


# SAGA, quantiles, the gate.


def test_saga_pins_for_the_95th_percentile_of_a_log_normal() -> None:
    assert Leaving("saga_ttl").pin_s() == 0.0  # nothing is known
    assert Leaving("saga_ttl").gaps(3.0).pin_s() == pytest.approx(3.0)  # without a deviation
    # Logarithms 0 and 1: mean 0.2, variance 0.8 x 0.2 = 0.16, deviation 0.4.
    made = Leaving("saga_ttl").gaps(1.0, math.e)
    tau_s = math.exp(0.2 + 1.6448536 * 0.4)
    assert made.pin_s() == pytest.approx(tau_s)
    # Halfway between the pressures 0.7 and 0.9 a quarter less, from 0.9 on a half.
    assert made.use(700).pin_s() == pytest.approx(tau_s)
    assert made.use(800).pin_s() == pytest.approx(0.75 * tau_s)
    assert made.use(950).pin_s() == pytest.approx(0.5 * tau_s)


def test_saga_pins_for_five_minutes_at_most() -> None:
    assert Leaving("saga_ttl").gaps(1000.0).pin_s() == 300.0
    assert Leaving("saga_ttl").gaps(1000.0).use(1000).pin_s() == 150.0


def test_saga_takes_all_tools_for_a_new_one() -> None:
    assert Leaving("saga_ttl").gaps(4.0, tool=1).pin_s() == pytest.approx(4.0)


def test_tool_ttl_pins_for_a_quantile_or_the_mean() -> None:
    ten = [0.1 * k for k in range(1, 11)]
    assert Leaving("tool_ttl").gaps(*ten).pin_s() == pytest.approx(0.9)
    assert Leaving("tool_ttl", parameters={"quantile": 0.85}).gaps(*ten).pin_s() == pytest.approx(0.9)
    assert Leaving("tool_ttl", parameters={"quantile": 1.0}).gaps(*ten).pin_s() == pytest.approx(1.0)
    assert Leaving("tool_ttl", parameters={"quantile": 0.0}).gaps(*ten).pin_s() == pytest.approx(0.55)


def test_gate_pins_two_seconds_unless_the_average_is_above_three() -> None:
    assert Leaving("gate").pin_s() == 2.0
    assert Leaving("gate").gaps(3.0).pin_s() == 2.0
    assert Leaving("gate").gaps(3.5).pin_s() == 0.0
    assert Leaving("gate").gaps(3.5, 0.5).pin_s() == 2.0  # 0.8 x 3.5 + 0.2 x 0.5 = 2.9


# InferCept.

B200_8B, PRO_6000_70B = (2304, 6.775, 0.010746), (1280, 46.3, 0.2569)
"""Saturation point in tokens, fixed milliseconds and milliseconds a token."""


@pytest.mark.parametrize(
    ("line", "tokens", "running_tokens", "gap_s"),
    [
        (B200_8B, 8_192, 0, 0.05),
        (B200_8B, 8_192, 100_000, 1.13),
        (B200_8B, 71_680, 0, 0.50),
        (B200_8B, 71_680, 100_000, 1.58),
        (PRO_6000_70B, 8_192, 0, 1.2),
        (PRO_6000_70B, 8_192, 100_000, 26.9),
    ],
)
def test_the_break_even_gap_of_infercept(
    line: tuple[int, float, float], tokens: int, running_tokens: int, gap_s: float
) -> None:
    """Keep a context if its gap is shorter: the published table, to its last digit."""
    saturation, fixed_ms, per_token_ms = line
    discarded = called(discard_waste, tokens, running_tokens, 0, saturation, fixed_ms / 1000, per_token_ms / 1000)
    digits = 1 if gap_s in (1.2, 26.9) else 2
    assert round(discarded / tokens, digits) == gap_s
    assert called(preserve_waste, tokens, discarded / tokens) == pytest.approx(discarded)


def test_the_waste_of_discarding_by_hand() -> None:
    # 250 tokens in chunks of 100 - 20 = 80: three of them and ten tokens; T(100) = 1.1 s, a = 0.01 s.
    held = 1.1 * (80 + 160 + 240)
    assert called(discard_waste, 250, 0, 20, 100, 0.1, 0.01) == pytest.approx(held)
    assert called(discard_waste, 250, 1000, 20, 100, 0.1, 0.01) == pytest.approx(held + 0.01 * 250 * 1000)
    # A saturated batch leaves one token an iteration.
    assert called(discard_waste, 3, 0, 200, 100, 0.1, 0.01) == pytest.approx(1.1 * (1 + 2))


def test_the_line_through_the_profile() -> None:
    assert line_of(Leaving("infercept").state, 0, 1000) == pytest.approx((0.0, 0.001))


def test_infercept_keeps_what_is_dearer_to_compute_again_than_to_keep() -> None:
    # Chunks of 2,048: 5,096 tokens are two and a last one, held for 2.048 s (2,048 + 4,096).
    discarded = 2.048 * (2048 + 4096)
    made = Leaving("infercept", tokens=5096)
    assert made.pin_s() == pytest.approx(discarded / 5096)  # 2.47 s
    assert made.gaps(9.0).pin_s() == pytest.approx(discarded / 5096)  # the time since the call is all that counts
    assert made.after(2.4).pin_s() == pytest.approx(discarded / 5096 - 2.4)
    assert made.after(2.5).pin_s() == FIRST
    # Beside running contexts computing takes longer for all of them: 5.096 s x 10,000 more.
    assert made.after(0.0).decodes(0, kv_tokens=10_000).pin_s() == pytest.approx((discarded + 50_960) / 5096)


def test_infercept_with_a_saturation_of_its_own() -> None:
    made = Leaving("infercept", tokens=300, parameters={"saturation_tokens": 100.0})
    assert made.pin_s() == pytest.approx(0.1 * (100 + 200) / 300)
    assert made.decodes(50, kv_tokens=0).pin_s() == pytest.approx(0.1 * (50 * 15) / 300)
    # Beyond the token budget no iteration can be filled up.
    small = Engine(max_num_batched_tokens=64)
    over = Leaving("infercept", tokens=300, parameters={"saturation_tokens": 100.0}, engine=small)
    assert over.pin_s() == pytest.approx(0.064 * (64 * 10) / 300)


# Tiers.

HALF_A_SECOND = ("dram", 1000, 1.0)  # 318 blocks take 0.318 s down and as long up


def test_swap_moves_everything_that_can_be_moved() -> None:
    assert Leaving("swap", tier=HALF_A_SECOND).pin_s() == DOWN
    assert Leaving("swap", tier=("cxl", 1000, 1.0)).pin_s() == DOWN


def test_infercept_moves_down_what_has_wasted_anything() -> None:
    made = Leaving("infercept", tokens=5096, tier=HALF_A_SECOND)
    assert made.pin_s() == pytest.approx(2.048 * (2048 + 4096) / 5096)
    assert made.after(0.1).pin_s() == DOWN


def test_infercept_moves_no_more_than_an_iteration_hides() -> None:
    made = Leaving("infercept", tokens=5096, tier=HALF_A_SECOND).after(0.7)
    state = made.state
    # Something is on the link down: 2,048 blocks take as long as an iteration of 2,048 tokens.
    state.link["current"][0], state.link["queue_head"][0] = 0, 1
    state.transfer["missing"][:2], state.transfer["next"][1] = [1000, 1048], NONE
    assert made.pin_s() == DOWN
    state.transfer["missing"][1] = 1049
    assert isinstance(made.pin_s(), float)


def test_tokencake_moves_down_for_somebody_who_needs_the_room() -> None:
    def made(gap_s: float = 0.7, tier: tuple[str, int, float] = HALF_A_SECOND) -> Leaving:
        return Leaving("tokencake", tokens=5096, tier=tier).holds().gaps(gap_s)

    assert made().use(990).wait().pin_s() == DOWN
    assert made().use(990).pin_s() == 0.0  # nobody waits
    assert made(gap_s=0.6).use(990).wait().pin_s() == 0.0  # back before it would have been moved down and up
    assert made(tier=("dram", 317, 1.0)).use(990).wait().pin_s() == 0.0  # no room below
    # 599 blocks in use with the context are less than 0.6 of 1,000
    assert made().use(599).wait().pin_s() == 0.0
    assert made().use(600).wait().pin_s() == DOWN
    # The stall is half the mean and half the fast average: 0.5 x 0.6 + 0.5 x (0.5 x 1.0 + 0.5 x 0.2)
    assert made(gap_s=1.0).gaps(0.2).use(990).wait().pin_s() == 0.0
    assert made(gap_s=1.0).gaps(0.4).use(990).wait().pin_s() == DOWN


def test_tokencake_leaves_where_nobody_would_fit() -> None:
    # A waiting turn needs 20 blocks; 12 are free and 6 are given back.
    made = Leaving("tokencake", tokens=100, tier=HALF_A_SECOND).holds().gaps(0.7).use(988).wait()
    assert made.pin_s() == 0.0
    assert made.use(986).pin_s() == DOWN


def test_pensieve_moves_down_while_little_is_free() -> None:
    made = Leaving("pensieve", tier=HALF_A_SECOND)
    assert made.use(750).pin_s() == 0.0
    assert made.use(751).pin_s() == DOWN
    assert Leaving("pensieve").use(751).pin_s() == 0.0


# Oracle.


def test_the_oracle_keeps_exactly_for_the_gap_or_not_at_all() -> None:
    # Worth keeping for up to 2.47 s.
    exact = {"margin_s": 0.0}
    assert Leaving("oracle_gap", tokens=5096, gap_s=(2.4,), parameters=exact).pin_s() == 2.4
    assert Leaving("oracle_gap", tokens=5096, gap_s=(2.5,), parameters=exact).pin_s() == FIRST
    # With the gateway's delay and a margin
    made = Leaving("oracle_gap", tokens=5096, gap_s=(2.4,), frontend_s=0.05, parameters={"margin_s": 0.1})
    assert made.pin_s() == pytest.approx(2.55)
    # Two failures of 0.2 s, back-offs of 0.5 and 1 s, and 0.2 s
    made = Leaving("oracle_gap", tokens=5096, tools=(1,), gap_s=(0.2,), failures=2, parameters=exact)
    assert made.pin_s() == pytest.approx(2.1)
    # The first of two tools
    made = Leaving("oracle_gap", tokens=5096, tools=(0, 0), gap_s=(9.0, 1.5), parameters=exact)
    assert made.pin_s() == 1.5
