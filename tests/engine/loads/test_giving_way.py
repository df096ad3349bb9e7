"""Loads ahead of use give way: to what a turn waits for, and to what is nearer by now. By hand, on both simulators.

An iteration takes one second, and blocks come up at two a second. All contexts but those that are sent for are in DRAM
only, since the instance fails from 2.5 to 3 s. A layer is a block of a context of six.
"""

from dataclasses import replace

import pytest

from agentsim_env.workload.programs import Programs
from tests.agreement.compare import agreed_records
from tests.agreement.scenario import Scenario
from tests.engine.iteration.test_modes import instance
from tests.reference.building import WorkloadBuilder
from tests.reference.description import MemorySpec, TierSpec
from tests.reference.records import Records

TIER = TierSpec("dram", 100, (0,), float("inf"), 2.0, 0.0, queue="priority", interrupt_layers=6)
PARAMETERS = {"load_ahead": 2.0, "period_s": 1.0, "renew": 0.0}
FAILURE = ((2.5, 0.5),)


def agents(*calls: tuple[float, float], blocks: int = 6) -> Programs:
    """Agents with contexts of so many blocks, whose second calls are announced for a time and come at another.

    The first call of agent k ends at k + 1 s: one after the other joins the batch.
    """
    build = WorkloadBuilder()
    for k, (announced_s, comes_s) in enumerate(calls):
        build.program(0.0)
        leaf, ends_s = build.segment(blocks + 1), 1.0 if k == 0 else 2.0
        first = build.turn(leaf, 16 * blocks + 4, 1)
        build.report(announced_s - ends_s, turn=first)
        build.edge(first, build.turn(leaf, 16 * blocks + 4, 1), comes_s - ends_s)
    return build.build()


def run(programs: Programs, tier: TierSpec = TIER, blocks: int = 100, **parameters: float) -> Records:
    memory = MemorySpec((tier,), 1.0, "write_through", 0)
    given = PARAMETERS | parameters
    spec = instance("mixed", failures=FAILURE, blocks=blocks)
    return agreed_records(Scenario(programs, [spec], memory=memory, prefetch="scalesim", prefetch_parameters=given))


def counts(records: Records) -> tuple[int, ...]:
    names = ("prefetches", "prefetches_used", "prefetches_wasted", "prefetches_interrupted", "prefetches_cancelled")
    return tuple(int(records.instances[name][0]) for name in names)


def ends(records: Records) -> list[float]:
    """When the second calls end."""
    return records.turns["end_s"][1::2].tolist()


NEAR_AND_SUDDEN = agents((8.0, 20.0), (1000.0, 7.25))
"""The first is announced for 8 s, and late; the second comes at 7.25 s though nobody expects it."""


def test_a_load_for_later_gives_way_to_one_for_now_and_is_queued_again() -> None:
    records = run(NEAR_AND_SUDDEN)
    # At 6 s the first is at distance 2 and sets out. It stops at 7.5 s, behind its third layer; what the second needs
    # comes until 10.5 s, and then all six blocks of the first until 13.5 s.
    assert ends(records) == [21, 11.5]
    assert counts(records) == (2, 1, 0, 1, 0)
    assert records.instances["wasted_blocks"] == 3
    assert records.instances["loaded_blocks"] == 12


def test_without_interruption_it_goes_on_to_its_end() -> None:
    records = run(NEAR_AND_SUDDEN, replace(TIER, interrupt_layers=0))
    assert ends(records) == [21, 13]  # from 9 s to 12 s
    assert counts(records) == (1, 1, 0, 0, 0)
    assert records.instances["wasted_blocks"] == 0


def test_nothing_gives_way_in_its_last_layer() -> None:
    records = run(agents((8.0, 20.0), (1000.0, 8.75)))
    assert ends(records) == [21, 13]
    assert counts(records) == (1, 1, 0, 0, 0)


def test_what_somebody_comes_to_wait_for_in_the_meantime_goes_on() -> None:
    records = run(agents((8.0, 7.375), (1000.0, 7.25)))
    assert ends(records) == [10, 13]  # from 6 s to 9 s, and from there to 12 s
    assert counts(records) == (1, 1, 0, 0, 0)


def test_it_gives_back_its_room_and_needs_it_again() -> None:
    """Of 13 blocks the two loads keep twelve, and a third program wants seven from 7.3 s on."""
    build = WorkloadBuilder()
    for announced_s, comes_s, ends_s in ((8.0, 20.0, 1.0), (1000.0, 7.25, 2.0)):
        build.program(0.0)
        leaf = build.segment(7)
        first = build.turn(leaf, 100, 1)
        build.report(announced_s - ends_s, turn=first)
        build.edge(first, build.turn(leaf, 100, 1), comes_s - ends_s)
    build.program(7.3)
    build.turn(build.segment(7), 100, 1)
    records = run(build.build(), blocks=13)
    # It joins at 7.5 s, when the load stops. What it leaves at 8.5 s gives way at the tick at 9 s.
    assert records.turns["end_s"][4] == 8.5
    assert ends(records)[:2] == [21, 11.5]
    assert counts(records) == (2, 1, 0, 1, 0)


@pytest.mark.parametrize(("renew", "cancelled"), [(0.0, 0), (1.0, 3)])
def test_what_has_not_begun_is_asked_for_again_when_distances_change(renew: float, cancelled: int) -> None:
    records = run(NEAR_AND_SUDDEN, renew=renew)
    # From 7.5 s to 10.5 s it waits for its link again, and the ticks at 8, 9 and 10 s find it there.
    assert ends(records) == [21, 11.5]
    assert counts(records) == (2 + cancelled, 1, 0, 1, cancelled)
