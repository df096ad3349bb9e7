"""Simulations of scenarios that draw something for each episode."""

import pickle
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from agentsim_env import ScenarioError, SimulationError, Simulator, load_scenario
from agentsim_env.assembly import DrawnSource
from agentsim_env.load import MOST_CAPACITIES, prepare, with_rate
from agentsim_env.scenario.draws import Drawing
from tests.agreement.compare import reference_records
from tests.agreement.scenario import Scenario as AgreedScenario
from tests.reference.description import InstanceSpec
from tests.reference.description import Profile as ReferenceProfile
from tests.small import SMALL, answer_at_random, drawn

SEEDS = (0, 1, 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_episode_is_that_of_the_scenario_that_was_drawn(seed: int) -> None:
    simulator, found = Simulator(drawn()), Drawing(drawn()).of(seed)
    alone = Simulator(found.scenario)
    for each in (simulator, alone):
        each.reset(seed)
        each.run()
    assert simulator.records().content_hash() == alone.records().content_hash()
    assert len(simulator.engines) == found.scenario.cluster.n_instances
    assert simulator.drawn == found.values
    assert simulator.metadata()["drawn"] == found.values
    assert "drawn" not in alone.metadata()


def test_the_reference_simulator_agrees_on_what_was_drawn() -> None:
    seed = 2
    simulator = Simulator(drawn())
    simulator.reset(seed)
    simulator.run()
    cluster = Drawing(drawn()).of(seed).scenario.cluster
    expected = reference_records(
        AgreedScenario(
            simulator.programs,
            [spec_of(engine) for engine in simulator.engines],
            frontend_s=cluster.frontend_s,
            view_delay_s=cluster.view_delay_s,
            warmup_programs=simulator.scenario.episode.warmup_programs,
            rule_seed=seed,
        )
    )
    run = simulator.state.turn_run
    assert np.array_equal(run["instance"], expected.turns["instance"])
    assert np.array_equal(run["hit_tokens"], expected.turns["hit_tokens"])
    for name in ("ready_s", "first_token_s", "end_s"):
        assert np.allclose(run[name], expected.turns[name], rtol=1e-9)


def spec_of(engine: Any) -> InstanceSpec:
    """An engine as the reference simulator is told of it."""
    profile = {field.name: getattr(engine.profile, field.name) for field in fields(ReferenceProfile)}
    limits = (engine.kv_blocks, engine.max_num_seqs, engine.max_num_batched_tokens, engine.max_model_len_tokens)
    return InstanceSpec(*limits, ReferenceProfile(**profile))


def test_neither_rules_nor_answers_nor_earlier_episodes_move_what_is_drawn() -> None:
    by_agent = Simulator(drawn(), rules={"schedule_turn": "least_uncached"}, agent_kinds=("route_turn",))
    for seed in (5, 4):
        by_agent.reset(seed)
        answer_at_random(by_agent, np.random.default_rng(seed), most=20)
    simulator = Simulator(drawn())
    simulator.reset(4)
    assert by_agent.drawn == simulator.drawn
    assert len(by_agent.engines) == len(simulator.engines)
    assert np.array_equal(by_agent.programs.turn, simulator.programs.turn)


def test_a_snapshot_goes_on_in_another_simulator_of_another_cluster() -> None:
    one, other = (Simulator(drawn(), agent_kinds=("route_turn",)) for _ in range(2))
    one.reset(1)
    answer_at_random(one, np.random.default_rng(0), most=10)
    snapshot = pickle.loads(pickle.dumps(one.snapshot()))
    other.reset(2)
    assert other.drawn != one.drawn
    other.restore(snapshot)
    assert other.drawn == one.drawn
    for simulator in (one, other):
        answer_at_random(simulator, np.random.default_rng(1))
    assert other.records().content_hash() == one.records().content_hash()
    with pytest.raises(SimulationError, match="both must be equal"):
        Simulator(SMALL_SCENARIO, agent_kinds=("route_turn",)).restore(snapshot)


SMALL_SCENARIO = load_scenario(SMALL["equal"])


def test_what_fits_nowhere_is_found_before_any_episode() -> None:
    blocks = {"randomize": {"cluster.instances.0.kv_blocks": {"log_uniform": [2, 8000]}}}
    with pytest.raises(ScenarioError, match=r"nothing can be served: .*; drawn is cluster.instances.0.kv_blocks = 2"):
        prepare(load_scenario({**SMALL["equal"], **blocks}))


# Load.


def with_load(draws: dict[str, Any]) -> DrawnSource:
    arrivals = {"process": "poisson", "load": 0.5}
    source = prepare(load_scenario({**SMALL["equal"], "workload": {"arrivals": arrivals}, "randomize": draws}))
    assert isinstance(source, DrawnSource)
    return source


@pytest.fixture
def capacities(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Capacities are one program per second for each instance; of which clusters they were asked for."""
    asked: list[int] = []

    def capacity_per_s(scenario: Any) -> float:
        asked.append(scenario.cluster.n_instances)
        return float(scenario.cluster.n_instances)

    monkeypatch.setattr("agentsim_env.load.capacity_per_s", capacity_per_s)
    return asked


def test_a_load_is_a_fraction_of_the_capacity_of_the_cluster_that_was_drawn(capacities: list[int]) -> None:
    draws = {"cluster.instances.0.count": {"uniform": [2, 4]}, "workload.arrivals.load": {"uniform": [0.5, 1.5]}}
    source = with_load(draws)
    assert sorted(capacities) == [2, 3, 4], "each was measured once, before any episode"
    for seed in range(5):
        found = source.drawing.of(seed)
        load = found.values["workload.arrivals.load"]
        assert source.of(seed).rate_per_s == pytest.approx(load * found.scenario.cluster.n_instances)
    assert len(capacities) == 3


@pytest.mark.usefixtures("capacities")
@pytest.mark.parametrize(
    "draws",
    [
        {"cluster.frontend_s": {"uniform": [0.01, 0.02]}},
        {"cluster.instances.0.count": {"uniform": [1, MOST_CAPACITIES + 1]}},
        {"cluster.instances.0.count": {"uniform": [1, 5]}, "cluster.view_delay_s": {"choice": [0, 1, 2, 3]}},
    ],
)
def test_a_load_of_more_clusters_than_can_be_measured_is_refused(draws: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError, match="at most 16 combinations in all; or give"):
        with_load(draws)


@pytest.mark.usefixtures("capacities")
def test_other_rules_need_a_rate_where_a_load_is_drawn() -> None:
    draws = {"workload.arrivals.load": {"uniform": [0.5, 1.0]}}
    with pytest.raises(ScenarioError, match="under other rules the rates have to stay"):
        with_rate(load_scenario({**SMALL["equal"], "randomize": draws}))
    assert with_rate(drawn()) == drawn()
