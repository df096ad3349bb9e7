"""In which order a link serves what waits for it."""

import pytest

from agentsim_env.engine.blueprint import Tier
from agentsim_env.engine.core.state import AHEAD, BEHIND, DEMAND, NONE, State
from agentsim_env.engine.tiers import links
from tests.engine.hand_made import bound, state

new_transfer = bound(links.new_transfer)
enqueue = bound(links.enqueue)
hasten = bound(links.hasten)
UP = 1  # the links of an instance and a tier are down and up

ASKED = ((BEHIND, 0.0), (AHEAD, 2.0), (AHEAD, 1.0), (DEMAND, 0.0), (AHEAD, 2.0), (AHEAD, 0.0), (DEMAND, 0.0))
"""(urgency, distance) of transfers in the order in which they are asked for; the first one is on the link."""


def asked(queue: str) -> State:
    made = state(cluster={"tiers": [Tier("dram", 100, [0], 16.0, 16.0, queue=queue)]})
    for urgency, distance in ASKED:
        x = int(new_transfer(made, UP, 0, 0, 1, 1))
        made.transfer["urgency"][x], made.transfer["distance"][x] = urgency, distance
        enqueue(made, x)
    return made


def in_order(made: State) -> list[int]:
    found, x = [], int(made.link["queue_head"][UP])
    while x != NONE:
        found.append(x)
        x = int(made.transfer["next"][x])
    assert made.link["queue_tail"][UP] == found[-1]
    return found


@pytest.mark.parametrize(
    ("queue", "served"),
    [("fifo", [1, 2, 3, 4, 5, 6]), ("priority", [3, 6, 1, 2, 4, 5]), ("distance", [3, 6, 5, 2, 1, 4])],
)
def test_what_waits_for_a_link_is_served_in_order(queue: str, served: list[int]) -> None:
    assert in_order(asked(queue)) == served


@pytest.mark.parametrize("queue", ["priority", "distance"])
def test_what_is_wanted_by_now_waits_in_the_order_in_which_it_was_wanted(queue: str) -> None:
    made = asked(queue)
    hasten(made, 4)
    later = int(new_transfer(made, UP, 0, 0, 1, 1))
    made.transfer["urgency"][later] = DEMAND
    enqueue(made, later)
    assert in_order(made)[:4] == [3, 6, 4, later]
