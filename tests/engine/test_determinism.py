"""The same seed gives the same bits: again, elsewhere, uncompiled, and after going back in time."""

import copy
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim_env import Simulator
from agentsim_env.engine.blueprint import allocation, new_state
from agentsim_env.engine.core.decisions import ENDED
from agentsim_env.engine.core.state import SEEN
from agentsim_env.engine.entry import FAULTS_AT_ONCE, Core
from agentsim_env.workload import Programs, draw_faults
from tests.engine.hand_made import state
from tests.small import SMALL, answer_at_random, small

ROOT = Path(__file__).resolve().parents[2]

RULES = {
    "equal": "random",
    "tight": "cache_aware",
    "faulty": "session_affinity",
    "graphs": "saga",
    "apart": "round_robin",
    "cut": "power_of_two",
}
"""A rule for each scenario, among them some that use chance, remember what they sent or steal."""

TINY: dict[str, dict[str, Any]] = {
    "equal": {"episode.programs": 3},
    "tight": {"episode.programs": 4},
    "faulty": {"episode.programs": 4, "workload.arrivals.users": 3},
}
"""Episodes that are short enough to be simulated in plain Python."""


def hashes(scenarios: Mapping[str, Mapping[str, Any]], seed: int = 0) -> dict[str, str]:
    """Hash of the records of each scenario, half of its decisions answered at random."""
    found = {}
    for name, overrides in scenarios.items():
        simulator = Simulator(small(name, {**overrides, "rules.route_turn": RULES[name]}), agent_kinds=("route_turn",))
        simulator.reset(seed)
        rng = np.random.default_rng(seed)
        while (decision := simulator.next_decision()) is not None:
            simulator.apply(decision.default if rng.random() < 0.5 else int(rng.choice(np.flatnonzero(decision.mask))))
        found[name] = simulator.records().content_hash()
    return found


ALL: dict[str, dict[str, Any]] = {name: {} for name in SMALL}


def elsewhere(scenarios: Mapping[str, Mapping[str, Any]], **environment: str) -> dict[str, str]:
    """`hashes` in another process."""
    code = """
import json, sys
from tests.engine.test_determinism import hashes
print(json.dumps(hashes(json.loads(sys.argv[1]))))
"""
    command = [sys.executable, "-c", code, json.dumps(scenarios)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_same_bits_again_and_others_for_another_seed() -> None:
    first = hashes(ALL)
    assert hashes(ALL) == first
    assert not set(hashes(ALL, seed=1).values()) & set(first.values())


def test_same_bits_in_another_process() -> None:
    assert elsewhere(ALL, PYTHONHASHSEED="1") == hashes(ALL)


def test_same_bits_uncompiled() -> None:
    assert elsewhere(TINY, NUMBA_DISABLE_JIT="1") == hashes(TINY)


def test_simulators_do_not_disturb_each_other() -> None:
    alone = hashes(ALL)
    simulators = {
        name: Simulator(small(name, {"rules.route_turn": RULES[name]}), agent_kinds=("route_turn",)) for name in ALL
    }
    rngs = {name: np.random.default_rng(0) for name in ALL}
    for simulator in simulators.values():
        simulator.reset(0)
    left = set(ALL)
    while left:
        for name in sorted(left):
            decision = simulators[name].next_decision()
            if decision is None:
                left.remove(name)
                continue
            rng = rngs[name]
            follow = rng.random() < 0.5
            simulators[name].apply(decision.default if follow else int(rng.choice(np.flatnonzero(decision.mask))))
    assert {name: simulator.records().content_hash() for name, simulator in simulators.items()} == alone


def test_a_simulator_forgets_its_last_episode() -> None:
    simulator = Simulator(small("tight"), rules={"route_turn": "random"})
    found = []
    for seed in (1, 2, 1):
        simulator.reset(seed)
        simulator.run()
        found.append(simulator.records().content_hash())
    assert found[0] == found[2] != found[1]


def branches(name: str) -> tuple[Simulator, Callable[[int], str]]:
    """A simulator in the middle of an episode, and how to end it in a way that a number says."""
    simulator = Simulator(small(name, {"rules.route_turn": RULES[name]}), agent_kinds=("route_turn",))
    simulator.reset(5)
    answer_at_random(simulator, np.random.default_rng(0), most=25)

    def end(way: int, of: Simulator = simulator) -> str:
        if way == 0:
            of.run()
        else:
            answer_at_random(of, np.random.default_rng(way))
        assert of.ended
        return of.records().content_hash()

    return simulator, end


@pytest.mark.parametrize("name", SMALL)
def test_snapshots_can_be_gone_back_to(name: str) -> None:
    simulator, end = branches(name)
    before = simulator.next_decision()
    assert before is not None
    snapshot = simulator.snapshot()
    expected = {way: branches(name)[1](way) for way in range(3)}
    assert len(set(expected.values())) == 3
    for way in (0, 1, 2, 1, 0):
        assert end(way) == expected[way]
        simulator.restore(snapshot)
        assert not simulator.ended
        again = simulator.next_decision()
        assert again is not None
        assert again[:4] == before[:4]
        assert np.array_equal(again.mask, before.mask)


def test_copies_of_an_uncompiled_state_show_the_router_the_instances_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(allocation, "COMPILED", False)
    copied = Core(state()).snapshot()
    for seen, name in SEEN.items():
        assert getattr(copied, seen) is getattr(copied, name)


def test_snapshots_hold_the_beginning_and_the_end() -> None:
    simulator = Simulator(small("equal"), agent_kinds=("route_turn",))
    simulator.reset(3)
    beginning = simulator.snapshot()
    simulator.run()
    end = simulator.snapshot()
    expected = simulator.records().content_hash()
    simulator.reset(4)
    simulator.run()
    simulator.restore(end)
    assert simulator.ended
    assert (simulator.seed, simulator.records().content_hash()) == (3, expected)
    simulator.restore(beginning)
    assert simulator.now == 0.0
    simulator.run()
    assert simulator.records().content_hash() == expected


def test_snapshots_fit_another_simulator_of_the_scenario() -> None:
    simulator, end = branches("tight")
    snapshot = simulator.snapshot()
    other = Simulator(small("tight", {"rules.route_turn": RULES["tight"]}), agent_kinds=("route_turn",))
    other.restore(snapshot)
    answer_at_random(other, np.random.default_rng(1))
    assert other.records().content_hash() == end(1)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))], ids=["copy", "pickle"])
@pytest.mark.parametrize("name", ["tight", "faulty"])
def test_copies_of_a_simulator_go_their_own_way(name: str, copied: Callable[[Simulator], Simulator]) -> None:
    simulator, end = branches(name)
    other = copied(simulator)
    answer_at_random(other, np.random.default_rng(2))
    expected = end(1)
    original = other.records().content_hash()
    simulator, end = branches(name)
    assert end(1) == expected
    simulator, end = branches(name)
    assert end(2) == original


@pytest.mark.parametrize("name", SMALL)
def test_agents_face_the_same_programs_and_do_not_change_them(name: str) -> None:
    expected = Simulator(small(name)).source.draw(7)
    for rule in ("random", "least_loaded", "saga"):
        simulator = Simulator(small(name), rules={"route_turn": rule})
        simulator.reset(7)
        simulator.run()
        for field in Programs._fields:
            assert np.array_equal(getattr(simulator.programs, field), getattr(expected, field)), field


def test_faults_are_the_same_under_every_agent() -> None:
    instances = [{"gpu": "H100", "count": 3, "mtbf_s": 20.0, "mttr_s": 3.0}]
    at_random = {"cluster.instances": instances, "episode.time_limit_s": 1000.0}
    drawn = []
    for rule, seed in (("round_robin", 0), ("random", 0), ("random", 1)):
        simulator = Simulator(small("equal", at_random), rules={"route_turn": rule})
        simulator.reset(seed)
        events = simulator.state.event[: simulator.state.world[0]["n_events"]]
        drawn.append(np.sort(events, order="time_s").tolist())
        simulator.run()
        records = simulator.records()
        assert (records.instances["up_s"] < records.now_s).any()
    assert len(drawn[0]) > 100
    assert drawn[0] == drawn[1] != drawn[2]


def failing_often() -> Simulator:
    instances = [{"gpu": "H100", "count": 4, "mtbf_s": 2.0, "mttr_s": 1.0}]
    slow = {"workload.arrivals.rate_per_s": 0.4, "episode.programs": 120}
    simulator = Simulator(small("equal", {"cluster.instances": instances, **slow}))
    simulator.reset(5)
    return simulator


def test_faults_that_are_given_as_they_are_needed_are_those_that_were_known_from_the_start() -> None:
    simulator = failing_often()
    simulator.run()
    assert simulator.state.world["faults"][0] > 2 * FAULTS_AT_ONCE
    whole = failing_often()
    faults = draw_faults(whole.scenario.cluster.instances, simulator.now + 10.0, np.random.default_rng([5, 1]))
    core = Core(new_state(whole.blueprint, whole.programs, faults, 5))
    assert core.advance() == ENDED
    for name in ("turn_run", "program_run", "instance"):
        assert getattr(core.state, name).tobytes() == getattr(simulator.state, name).tobytes(), name


def test_a_snapshot_knows_the_faults_to_come() -> None:
    def stop() -> None:
        if simulator.state.world["faults"][0] > FAULTS_AT_ONCE:
            raise InterruptedError

    simulator = failing_often()
    with pytest.raises(InterruptedError):
        simulator.run(stop)
    middle = simulator.snapshot()
    hashes = set()
    for copied in (lambda it: it, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))):
        simulator.restore(middle)
        other = copied(simulator)
        other.run()
        hashes.add(other.records().content_hash())
    whole = failing_often()
    whole.run()
    assert hashes == {whole.records().content_hash()}
