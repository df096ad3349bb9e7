"""Adapters in slots of HBM, by hand, on both simulators.

An iteration takes one second; an adapter is as large as four blocks, which come up in two seconds.
"""

from dataclasses import dataclass

import pytest

from agentsim_env.engine.blueprint import Blueprint, Tier, new_state
from agentsim_env.engine.core.decisions import ENDED
from agentsim_env.engine.entry import Core
from agentsim_env.hardware import find_model
from agentsim_env.workload.programs import Programs
from tests.agreement.compare import agreed_records
from tests.agreement.scenario import Scenario
from tests.engine.hand_made import engine
from tests.engine.iteration.test_modes import instance
from tests.reference.building import WorkloadBuilder
from tests.reference.description import MemorySpec, TierSpec
from tests.reference.records import Records

DRAM = MemorySpec((TierSpec("dram", 100, (0,), float("inf"), 2.0, 0.0),), 1.0, "write_through", 0)
SCALESIM = {"load_ahead": 2.0, "period_s": 1.0, "renew": 0.0}


@dataclass
class Call:
    """A program of one call: when it comes, the adapter that it needs, and how long it answers."""

    at_s: float
    adapter: int
    outputs: int = 1


def calls(*given: Call) -> Programs:
    build = WorkloadBuilder()
    for call in given:
        build.program(call.at_s, adapter=call.adapter)
        build.turn(build.segment(4), 10, call.outputs)
    return build.build()


def run(programs: Programs, slots: int = 1, **changes: object) -> Records:
    failures = changes.pop("failures", ())
    spec = instance("mixed", adapter_slots=slots, adapter_blocks=4.0, failures=failures)
    return agreed_records(Scenario(programs, [spec], memory=DRAM, **changes))  # type: ignore[arg-type]


def counts(records: Records) -> tuple[int, int, int]:
    """(turns that needed one, those that did not wait for it, loads)."""
    names = ("adapter_lookups", "adapter_hits", "adapter_loads")
    return tuple(int(records.instances[name][0]) for name in names)  # type: ignore[return-value]


def test_a_turn_waits_for_its_adapter_and_is_passed_over_meanwhile() -> None:
    records = run(calls(Call(0.0, 0), Call(0.5, -1), Call(4.0, 0), Call(5.0, 1), Call(8.0, 0)))
    # The first waits until 2 s; the second needs none; the third finds it; the others push out each other's.
    assert records.turns["end_s"].tolist() == [3, 1.5, 5, 8, 11]
    assert counts(records) == (4, 1, 3)


def test_the_adapters_of_running_turns_keep_their_slots() -> None:
    records = run(calls(Call(0.0, 0, outputs=5), Call(3.0, 1)))
    # From 2 s to 7 s the only slot is in use.
    assert records.turns["end_s"].tolist() == [7, 10]


def test_who_finds_no_slot_keeps_the_others_from_joining_too() -> None:
    records = run(calls(Call(0.0, 0, outputs=5), Call(3.0, 1), Call(3.5, -1)))
    assert records.turns["end_s"].tolist() == [7, 10, 8]  # passed over when the second waits for its load


def test_an_adapter_on_its_way_is_not_sent_for_again() -> None:
    records = run(calls(Call(0.0, 0), Call(0.5, 0)))
    assert records.turns["end_s"].tolist() == [3, 3]
    assert counts(records) == (2, 0, 1)


def test_a_load_brings_all_that_a_turn_lacks() -> None:
    build = WorkloadBuilder()
    leaf = build.segment(7)
    for at_s in (0.0, 6.0):
        build.program(at_s, adapter=0)
        build.turn(leaf, 100, 1)
    records = run(build.build(), failures=((4.0, 1.0),))
    # Six blocks of its prefix and the adapter, which the failure has lost, one behind the other: from 6 s to 11 s.
    assert records.turns["end_s"].tolist() == [3, 12]
    assert records.instances["loaded_blocks"] == 6


def test_what_is_lost_with_an_instance_has_no_effect() -> None:
    records = run(calls(Call(0.0, 0)), failures=((1.0, 2.0),))
    # What was on its way is on the link until 2 s; the turn comes back at 3 s.
    assert records.turns["end_s"].tolist() == [6]
    assert counts(records) == (1, 0, 1)
    assert records.instances["wasted_blocks"] == 4


def announced(*programs: tuple[float, int, float, float]) -> Programs:
    """Programs of two calls: (first call, adapter, time announced for the second, its time)."""
    build = WorkloadBuilder()
    for at_s, adapter, announced_s, comes_s in programs:
        build.program(at_s, adapter=adapter)
        first = build.turn(build.segment(4), 10, 1)
        build.report(announced_s - (at_s + 3.0), turn=first)
        build.edge(first, build.turn(build.segment(4), 10, 1), comes_s - (at_s + 3.0))
    return build.build()


@pytest.mark.parametrize(("evict", "hits"), [("lru", 0), ("scalesim", 2)])
def test_the_eviction_rule_says_which_adapter_gives_way(evict: str, hits: int) -> None:
    """At 8 s adapter 2 comes. Of the others 0 was used longer ago, and is needed sooner; later it is not, and 2 is."""
    programs = announced((0.0, 0, 12.0, 12.0), (4.0, 1, 100.0, 100.0), (8.0, 2, 200.0, 200.0))
    records = run(programs, slots=2, evict=evict)
    assert records.turns["end_s"][1] == (13 if hits else 15)
    assert counts(records)[1] == hits


def test_of_those_who_share_an_adapter_the_nearest_counts() -> None:
    """Both share adapter 0: one is called at 100 s, the other at 20 s; adapter 1 is needed at 50 s and gives way."""
    calls = ((0.0, 0, 100.0, 100.0), (0.0, 0, 20.0, 20.0), (4.0, 1, 50.0, 50.0), (8.0, 2, 200.0, 200.0))
    records = run(announced(*calls), slots=2, evict="scalesim")
    assert records.turns["end_s"][3] == 21


@pytest.mark.parametrize(("prefetch", "ends_s"), [("none", 23.5), ("scalesim", 21.5)])
def test_an_adapter_is_brought_up_ahead_of_its_use(prefetch: str, ends_s: float) -> None:
    programs = announced((0.0, 0, 20.0, 20.5), (4.0, 1, 100.0, 100.0))
    parameters = SCALESIM if prefetch == "scalesim" else {}
    records = run(programs, prefetch=prefetch, prefetch_parameters=parameters)
    assert records.turns["end_s"][1] == ends_s
    assert records.instances["prefetches_used"] == (1 if prefetch == "scalesim" else 0)


def test_nobody_nearer_gives_way_to_what_is_brought_up_ahead() -> None:
    """The only slot holds what is needed at 19 s: what is needed at 20 s comes when it is asked for."""
    programs = announced((0.0, 0, 20.0, 20.0), (4.0, 1, 19.0, 19.0))
    records = run(programs, prefetch="scalesim", prefetch_parameters=SCALESIM)
    assert records.turns["end_s"].tolist()[1::2] == [23, 20]


def test_a_model_is_an_adapter_with_the_bytes_of_a_model() -> None:
    """Qwen2.5-7B over 51.2 GB/s: 15.2 GB take 0.3 s, and an iteration 10 ms."""
    size = find_model("Qwen2.5-7B").weight_bytes("bf16", 1)
    blueprint = Blueprint(
        [engine(adapter_slots=1, adapter_bytes=size)], tiers=[Tier("dram", 100, [0], float("inf"), 51.2e9)]
    )
    core = Core(new_state(blueprint, calls(Call(0.0, 0), Call(1.0, 0), Call(2.0, 1))))
    assert core.advance() == ENDED
    load_s = size / 51.2e9
    expected = [load_s + 0.01, 1.01, 2.0 + load_s + 0.01]
    assert core.state.turn_run["end_s"].tolist() == pytest.approx(expected)
    assert load_s == pytest.approx(0.297, abs=0.001)
