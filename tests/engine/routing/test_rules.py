"""Each routing rule against cases computed by hand; docs/routers.md has the formulas."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from agentsim_env.engine.entry import Core
from agentsim_env.engine.routing.rules import ROUTE_RULES
from tests.engine.routing.situation import MILLISECOND_A_TOKEN, Engine, Situation

# By load.


def test_random_takes_each_allowed_instance_equally_often() -> None:
    situation = Situation("random", instances=4, seed=5)
    situation.state.allowed[2] = 0
    counts = Counter(situation.ask() for _ in range(3000))
    assert set(counts) == {0, 1, 3}
    assert min(counts.values()) > 900


def test_round_robin_goes_round_the_allowed_ones() -> None:
    situation = Situation("round_robin", instances=4)
    situation.state.allowed[2] = 0
    assert [situation.ask() for _ in range(5)] == [0, 1, 3, 0, 1]


def test_least_loaded_counts_waiting_and_running_turns() -> None:
    situation = Situation("least_loaded")
    situation.loads(3, 1, 2)
    situation.set(1, n_waiting=2)
    assert situation.ask() == 2
    situation.set(0, n_running=2)
    assert situation.ask() == 0  # the lower index wins a tie


def test_least_tokens() -> None:
    situation = Situation("least_tokens")
    for i, tokens in enumerate((500, 400, 600)):
        situation.set(i, outstanding_tokens=tokens)
    assert situation.ask() == 1


def test_power_of_two_never_takes_the_most_loaded_of_three() -> None:
    situation = Situation("power_of_two", seed=3)
    situation.loads(2, 9, 5)
    counts = Counter(situation.ask() for _ in range(900))
    # Pairs (0, 1), (0, 2), (1, 2) are equally likely; the first two go to 0, the last to 2.
    assert set(counts) == {0, 2}
    assert counts[0] == pytest.approx(600, abs=60)
    assert situation.state.world["routed"][0] == 900


def test_power_of_two_prefers_the_lower_index_of_equals() -> None:
    counts = Counter(Situation("power_of_two", instances=2, seed=seed).ask() for seed in range(40))
    assert counts == {0: 40}


def test_weighted_load_counts_a_waiting_turn_four_times() -> None:
    situation = Situation("weighted_load")
    situation.loads(5, 1, 6)
    situation.set(1, n_waiting=1)  # 4 * 1 + 1 = 5, as instance 0
    assert [situation.ask(), situation.ask()] == [0, 1]  # equals take turns
    situation.set(1, n_waiting=2)
    situation.set(0, max_num_seqs=32)  # 5 / 32 > 6 / 64
    assert situation.ask() == 2


def test_llumnix_takes_the_largest_freeness() -> None:
    situation = Situation("llumnix", parameters={})
    situation.loads(2, 4, 5)
    situation.set(1, n_waiting=1, queued_tokens=1600)
    situation.in_use(0, 800)
    situation.in_use(1, 100)
    situation.in_use(2, 300)
    situation.hold(2, 0, 10)  # idle: still available
    # (1000 - 800) / 2 = 100, (900 - 1600 / 16) / 5 = 160, 700 / 5 = 140
    assert situation.ask() == 1
    situation.set(2, n_running=0)
    assert situation.ask() == 2  # empty


# By program.


def test_session_affinity_stays_home_below_its_limit() -> None:
    situation = Situation("session_affinity", parameters={"capacity_limit": 5.0})
    situation.loads(0, 4, 2)
    assert situation.ask() == 0
    situation.home(1)
    assert situation.ask() == 1
    situation.set(1, n_waiting=1)
    assert situation.ask() == 0
    situation.home(2)
    situation.state.allowed[2] = 0
    assert situation.ask() == 0


def autellix(*homes: int, prompt_tokens: int) -> Situation:
    """The two turns before went to `homes`; prompts are a quarter and a half of the asked one."""
    situation = Situation("autellix", prompt_tokens=prompt_tokens)
    situation.state.turn_run["instance"][: len(homes)] = homes
    situation.loads(1, 1, 0)
    return situation


def test_autellix_sends_short_prompts_to_the_fewest_turns() -> None:
    assert autellix(0, 1, prompt_tokens=2048).ask() == 2


def test_autellix_sends_long_prompts_to_where_the_first_long_one_went() -> None:
    assert autellix(0, 1, prompt_tokens=4200).ask() == 1  # 1050 and 2100 tokens before
    assert autellix(0, 1, prompt_tokens=8400).ask() == 0  # 2100 and 4200
    assert autellix(0, 1, prompt_tokens=4000).ask() == 2  # the first long one itself
    gone = autellix(0, 1, prompt_tokens=4200)
    gone.state.allowed[1] = 0
    assert gone.ask() == 2


def saga() -> Situation:
    situation = Situation("saga")
    situation.loads(30, 20, 10)  # of 64 sequences
    situation.home(0)
    for i in range(3):
        situation.hold(i, 0, 10)  # the system prompt is everywhere
    return situation


def test_saga_stays_home_while_the_session_is_cached_there() -> None:
    situation = saga()
    assert situation.ask() == 2  # nothing of its own is cached
    situation.hold(0, 1, 3)
    assert situation.ask() == 0


def test_saga_leaves_a_loaded_home() -> None:
    situation = saga()
    situation.hold(0, 1, 3)
    situation.set(0, n_running=52)  # 52 / 64 > 0.8
    assert situation.ask() == 2
    situation.set(0, n_running=51)
    assert situation.ask() == 0
    situation.in_use(0, 700)
    situation.set(0, demand_blocks=100)  # (700 + 100) / 1000 blocks
    assert situation.ask() == 2


def test_saga_stays_with_what_is_pinned_at_home() -> None:
    situation = saga()
    situation.hold(0, 1, 3)
    situation.pin(0, 950)  # while tools run, it is no load
    assert situation.ask() == 0
    situation.in_use(0, 800)
    assert situation.ask() == 2


# Preble.


def preble(*recent_s: float) -> Situation:
    situation = Situation("preble")
    for i, seconds in enumerate(recent_s):
        situation.set(i, recent_s=seconds)
    return situation


def test_preble_exploits_a_match_longer_than_the_rest() -> None:
    situation = preble(3.0, 9.0, 1.0)
    situation.sent(1, 51)  # 816 of 1600 tokens
    assert situation.ask() == 1


def test_preble_explores_the_least_load_otherwise() -> None:
    situation = preble(3.0, 2.0, 4.0)
    situation.sent(0, 50)  # 800 of 1600 tokens
    assert situation.ask() == 1
    # One turn on instance 1: 45 tokens at 1 ms each. Three decoding ones on instance 0: 3 * 45 at 3 ms.
    situation.set(1, recent_s=0.0, n_running=1, n_decode=1)
    situation.set(0, recent_s=0.0, n_running=3, n_decode=3)
    situation.set(2, recent_s=0.1)
    assert situation.ask() == 1
    situation.set(2, recent_s=0.04)
    assert situation.ask() == 2


def test_preble_takes_the_least_loaded_owner() -> None:
    situation = preble(3.0, 2.0, 0.0)
    situation.sent(0, 60)
    situation.sent(1, 60)
    assert situation.ask() == 1


def test_preble_forgets_within_minutes() -> None:
    situation = preble(3.0, 1.2, 2.0)
    situation.state.world["now_s"] = 180.0
    situation.set(1, recent_at_s=180.0)
    situation.set(2, recent_at_s=180.0)
    assert situation.ask() == 0  # 3 / e = 1.1


def test_preble_rebalances_when_it_has_seen_enough() -> None:
    situation = preble(3.1, 2.0, 2.5)
    situation.sent(0, 60)
    situation.state.world["routed"] = 149
    assert situation.ask() == 0
    situation.state.world["routed"] = 150
    assert situation.ask() == 1
    situation.set(0, recent_s=2.9)  # not more than 1.5 times the least
    assert situation.ask() == 0


# By time.


def test_mooncake_adds_queue_and_own_prefill() -> None:
    situation = Situation("mooncake")
    situation.set(0, asked_tokens=2000, expected_tokens=1000)  # 3000 tokens: three seconds
    situation.cache(0, 75)
    situation.cache(2, 50)
    situation.set(2, expected_tokens=1000)
    assert situation.ask() == 1
    assert situation.scores == pytest.approx([3.0 + 0.4, 1.6, 1.0 + 0.8])


def test_mooncake_knows_that_long_contexts_take_longer() -> None:
    profile = replace(MILLISECOND_A_TOKEN, pre_b_s=np.array([1e-6]))
    situation = Situation("mooncake", instances=2, engine=Engine(profile=profile))
    situation.cache(0, 75)
    # Ten waiting turns of 100 tokens behind 10,000: 1000 tokens, each seeing 10,050 on average.
    situation.set(1, expected_tokens=1000, expected_pairs=10 * 100 * (2 * 10_100 - 100))
    situation.ask()
    own = profile.iteration_s(chunks=[(400, 1200)])
    # One chunk of 1000 behind what each token sees, less the half of the chunk that it sees of itself.
    queue = 1.0 + 1e-6 * (10_050 - 500)
    assert situation.scores == pytest.approx([own, queue + 1.6])


def estimated(others_weight: float) -> Situation:
    situation = Situation("lowest_estimated_latency", instances=2, parameters={"others_weight": others_weight})
    situation.set(1, n_running=4, n_decode=4)
    situation.cache(1, 75)
    return situation


def test_lowest_estimated_latency_weighs_own_time_against_delay() -> None:
    # Instance 0: 1600 tokens, then 45 alone. Instance 1: 400 tokens beside four decodes, then 45 as one of five; the
    # four wait 400 ms longer for one token, and 1 ms for each of half of its 45.
    own = (1.6 + 45 * 0.001, 0.404 + 45 * 0.005)
    delay = (0.0, 4 * 0.400 + 0.5 * 45 * 4 * 0.001)
    fair = estimated(1.0)
    assert fair.ask() == 0
    assert fair.scores == pytest.approx([own[0], own[1] + delay[1]])
    selfish = estimated(0.0)
    assert selfish.ask() == 1
    assert selfish.scores == pytest.approx(own)


def test_lowest_estimated_latency_expects_what_turns_have_generated_so_far() -> None:
    situation = estimated(0.0)
    situation.set(0, turns=3, output_tokens=600)
    situation.set(1, turns=1, output_tokens=200)
    situation.ask()
    assert situation.scores == pytest.approx([1.6 + 200 * 0.001, 0.404 + 200 * 0.005])


def test_lowest_estimated_latency_waits_for_memory() -> None:
    situation = estimated(0.0)
    situation.in_use(1, 800)
    situation.set(1, demand_blocks=109)
    situation.ask()
    # 101 + 109 + 800 blocks where there are 1000: ten of 800 must be given back by turns of 45 tokens at 4 ms.
    assert situation.scores[1] == pytest.approx(0.404 + 45 * 0.005 + 10 / 800 * 45 * 0.004)


def test_oracle_knows_when_the_others_end() -> None:
    situation = Situation("oracle_least_work", instances=2)
    for s in (1, 2):
        situation.run(0, s, left_tokens=1000)
    situation.run(1, 3, left_tokens=1)
    situation.wait(1, 4, left_tokens=2)
    assert situation.ask() == 1
    own = 1.602 + 100 * 0.003
    assert situation.scores == pytest.approx([own + 2 * 1.6 + 200 * 0.001, own + 2 * 1.6 + 3 * 0.001])


@pytest.mark.parametrize("name", [name for name, rule in ROUTE_RULES.items() if rule.blind])
def test_blind_rules_need_not_know_who_holds_a_segment(name: str) -> None:
    situation, other = Situation(name), Situation(name)
    for one in (situation, other):
        one.loads(2, 1, 3)
    nobody = np.zeros(0, "i4")
    assert Core(other.state._replace(holder=nobody, seen_holder=nobody)).default() == situation.ask()
