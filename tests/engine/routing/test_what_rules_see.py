"""What every routing rule may see, and what none does: output lengths, and what has happened since the last view."""

import pytest

from agentsim_env.engine.routing.rules import ROUTE_RULES
from tests.engine.routing.situation import Situation


def busy_cluster(rule: str, output_tokens: int, view_delay_s: float = 0.0) -> Situation:
    """Something of everything on each instance."""
    situation = Situation(rule, output_tokens=output_tokens, view_delay_s=view_delay_s, seed=4)
    situation.home(1)
    for i in range(3):
        situation.cache(i, 20 * i)
        situation.run(i, 1 + i, left_tokens=output_tokens)
        situation.set(i, expected_tokens=500 - 100 * i, outstanding_tokens=4000 - 1000 * i)
        if ROUTE_RULES[rule].needs_tree:
            situation.sent(i, 30 - 10 * i)
    situation.wait(2, 5, left_tokens=output_tokens)
    return situation


@pytest.mark.parametrize("rule", [name for name, row in ROUTE_RULES.items() if not row.oracle])
def test_rules_do_not_see_output_lengths(rule: str) -> None:
    short, long = busy_cluster(rule, 10), busy_cluster(rule, 5000)
    assert short.ask() == long.ask()
    assert short.scores == long.scores


def test_oracles_are_named_as_such() -> None:
    assert all(row.oracle == name.startswith("oracle_") for name, row in ROUTE_RULES.items())


@pytest.mark.parametrize("rule", ROUTE_RULES)
def test_rules_answer_with_an_allowed_instance(rule: str) -> None:
    for forbidden in range(3):
        situation = busy_cluster(rule, 100)
        situation.state.allowed[forbidden] = 0
        assert situation.ask() in {0, 1, 2} - {forbidden}


@pytest.mark.parametrize("rule", ["least_loaded", "power_of_two", "cache_aware", "llumnix", "dynamo", "llm_d", "saga"])
def test_rules_see_a_delayed_view(rule: str) -> None:
    situation = Situation(rule, instances=2, view_delay_s=1.0)
    situation.set(0, n_running=0, n_waiting=0)
    situation.set(1, n_running=60, n_waiting=50, queued_tokens=8000, demand_blocks=500)
    situation.in_use(1, 400)
    situation.set_seen(0, n_running=60, n_waiting=50, queued_tokens=8000, demand_blocks=500)
    situation.state.seen_pool["used"][0] = 400
    assert situation.ask() == 1


def change_everything(situation: Situation) -> None:
    """What rules could like about the instances is the other way round."""
    for i in range(3):
        situation.lose(i)
        situation.set(i, n_running=5 * i, n_waiting=7 * i, expected_tokens=900 * i, outstanding_tokens=9000 * i)
        situation.set(i, kv_tokens=9000 * i, n_decode=5 * i, queued_tokens=9000 * i, demand_blocks=50 * i, turns=9)
        situation.set(i, asked_tokens=9000 * i, output_tokens=900)
        situation.in_use(i, 300 - 100 * i)
    situation.hold(0, 2, 50, locked=True)


@pytest.mark.parametrize("rule", [name for name, row in ROUTE_RULES.items() if not row.oracle])
def test_no_rule_sees_what_has_happened_since_the_last_view(rule: str) -> None:
    as_seen, changed = (busy_cluster(rule, 100, view_delay_s=1.0) for _ in range(2))
    for situation in (as_seen, changed):
        situation.refresh()
    change_everything(changed)
    assert changed.ask() == as_seen.ask()
    assert changed.scores == as_seen.scores


HIT_RULES = (
    "dynamo",
    "llm_d",
    "llm_d_baseline",
    "sticky_until_saturated",
    "lmetric",
    "smetric",
    "kv_routing",
    "mooncake",
    "lowest_estimated_latency",
    "saga",
    "oracle_least_work",
)
"""Rules that look at the caches of the instances."""


def seen_on_the_second(rule: str) -> Situation:
    """Two idle instances, of which the second was seen to have the whole context."""
    situation = Situation(rule, instances=2, view_delay_s=1.0)
    situation.home(1)
    situation.cache(1, 100)
    situation.refresh()
    assert situation.ask() == 1
    return situation


@pytest.mark.parametrize("rule", HIT_RULES)
def test_evictions_are_not_seen_before_the_next_view(rule: str) -> None:
    situation = seen_on_the_second(rule)
    situation.lose(1)
    assert situation.ask() == 1
    # On the other one all of it would be found.
    situation.cache(0, 100)
    assert situation.ask() == 1
    situation.refresh()
    assert situation.ask() == 0


@pytest.mark.parametrize("rule", HIT_RULES)
def test_nor_is_what_was_computed_since(rule: str) -> None:
    situation = Situation(rule, instances=2, view_delay_s=1.0)
    situation.refresh()
    nothing = Situation(rule, instances=2, view_delay_s=1.0)
    nothing.refresh()
    situation.home(1)
    nothing.home(1)
    situation.cache(1, 100)
    assert situation.ask() == nothing.ask()
    assert situation.scores == nothing.scores
    situation.refresh()
    situation.state.world["routed"] = 0
    assert situation.ask() == 1


def test_dynamo_does_not_see_who_has_begun_to_use_the_context() -> None:
    situation = Situation("dynamo", instances=2, view_delay_s=1.0)
    for i in range(2):
        situation.cache(i, 50)
    situation.refresh()
    assert situation.ask() == 0
    situation.state.resident["locks"][situation.state.resident["pool"] == 1] = 1
    assert situation.ask() == 0
    # Blocks that running turns hold already are not added to those in use.
    situation.refresh()
    assert situation.ask() == 1
