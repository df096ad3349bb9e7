"""Programs that no instance can ever serve: said before anything is simulated, wherever one comes from."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from agentsim_env import Scenario, ScenarioError, Simulator, capacity, load_scenario
from agentsim_env.assembly import engines_of
from agentsim_env.assembly.unserved import UnservedWarning, limit
from agentsim_env.load import prepare
from agentsim_env.scenario import library
from agentsim_env.training.config import create_run
from agentsim_env.training.evaluate import evaluate
from agentsim_env.training.quickstart import quickstart
from agentsim_env.training.simulate import simulate
from tests.small import small

KV, LENGTH = "cluster.instances.0.kv_blocks", "cluster.instances.0.max_model_len_tokens"
AT_A_RATE = {"workload.arrivals.rate_per_s": 0.3}


@pytest.fixture(autouse=True)
def no_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An empty cache of capacities, and a record of the searches; each is quick."""
    searched: list[int] = []

    def curve(scenario: Scenario) -> list[tuple[int, float]]:
        prepare(load_scenario(scenario, {"workload.arrivals": {"process": "poisson", "rate_per_s": 1.0}}))
        searched.append(1)
        return [(2, 0.4)]

    monkeypatch.setattr(capacity, "CACHE_ROOT", tmp_path / "cache")
    monkeypatch.setattr(capacity, "capacity_curve", curve)
    return searched


TOO_SMALL: dict[str, tuple[dict[str, Any], str]] = {
    "KV": ({KV: 100}, "no instance takes more than 1,600 tokens (cluster.instances.0.kv_blocks: 100 blocks of 16"),
    "length": ({LENGTH: 4096}, "no instance takes more than 4,096 tokens (cluster.instances.0.max_model_len_tokens)"),
    "model": ({"cluster.model": "Llama-2-7B"}, "no instance takes more than 4,096 tokens (cluster.model: Llama-2-7B)"),
}

ENTRY_POINTS: dict[str, Callable[[Scenario, Path], object]] = {
    "Simulator": lambda scenario, folder: Simulator(scenario),
    "gymnasium.make": lambda scenario, folder: gymnasium.make("AgentSim/Routing-v1", scenario=scenario),
    "prepare": lambda scenario, folder: prepare(scenario),
    "simulate": lambda scenario, folder: simulate(scenario),
    "train": lambda scenario, folder: create_run(scenario=scenario, out=folder / "run"),
    "evaluate": lambda scenario, folder: evaluate(["random"], scenario=scenario, seeds=1),
    "evaluate with a bundle": lambda scenario, folder: evaluate(["random"], scenario=scenario, bundle="saga", seeds=1),
    "quickstart": lambda scenario, folder: quickstart(folder / "run", None, scenario=scenario),  # type: ignore[arg-type]
    "capacity": lambda scenario, folder: capacity.capacity_per_s(scenario),
}


@pytest.mark.parametrize("start", ENTRY_POINTS.values(), ids=ENTRY_POINTS)
@pytest.mark.parametrize(("changes", "message"), TOO_SMALL.values(), ids=TOO_SMALL)
def test_nothing_can_be_served(
    changes: dict[str, Any],
    message: str,
    start: Callable[[Scenario, Path], object],
    tmp_path: Path,
    no_search: list[int],
) -> None:
    scenario = load_scenario("coding_agents", changes)
    with pytest.raises(ScenarioError, match=r"^coding_agents: nothing can be served: ") as error:
        start(scenario, tmp_path)
    assert message in str(error.value)
    assert "all of 192 programs need more: 17,543 to 122,397 tokens" in str(error.value)
    assert not no_search
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("changes", "message"), TOO_SMALL.values(), ids=TOO_SMALL)
def test_nothing_can_be_served_at_a_rate_either(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match="nothing can be served") as error:
        Simulator(load_scenario("coding_agents", {**AT_A_RATE, **changes}))
    assert message in str(error.value)


def trace_of(folder: Path, *lengths: int) -> Path:
    path = folder / "trace.jsonl"
    lines = [{"timestamp": 1000 * i, "input_length": n, "output_length": 8} for i, n in enumerate(lengths)]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("lengths", "need"),
    [((2000, 3000), "all of 2 programs need more: 2,008 to 3,008"), ((2000,), "the one program needs more: 2,008")],
)
def test_a_trace_of_which_nothing_can_be_served(tmp_path: Path, lengths: tuple[int, ...], need: str) -> None:
    with pytest.raises(ScenarioError, match="nothing can be served") as error:
        simulate("coding_agents", [f"{KV}=100"], trace=trace_of(tmp_path, *lengths))
    assert f"{need} tokens" in str(error.value)


def given(scenario: Scenario, start: Callable[[Scenario], object]) -> list[str]:
    """The warnings about programs that fit nowhere."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start(scenario)
    return [str(warning.message) for warning in caught if warning.category is UnservedWarning]


@pytest.mark.parametrize(("tokens", "unserved"), [(65_536, 20), (40_000, 82), (30_000, 129)])
def test_a_load_with_programs_that_fit_nowhere_is_a_warning(tokens: int, unserved: int) -> None:
    (warning,) = given(load_scenario("coding_agents", {LENGTH: tokens}), Simulator)
    assert f"no instance takes more than {tokens:,} tokens" in warning
    assert f"{unserved} of 192 programs need more: up to 122,397 tokens" in warning
    assert "workload.strict" in warning


def test_programs_of_a_trace_are_counted_all(tmp_path: Path) -> None:
    trace = trace_of(tmp_path, *([100] * 400), 5000)
    changes = {KV: 100, "workload.trace": {"path": str(trace)}, "episode": {"programs": 5, "warmup_programs": 0}}
    (warning,) = given(load_scenario("coding_agents", changes), Simulator)
    assert "1 of 401 programs need more: up to 5,008 tokens" in warning


def test_the_warning_is_there_once_and_not_for_each_episode() -> None:
    def episodes(scenario: Scenario) -> None:
        env = gymnasium.make("AgentSim/Routing-v1", scenario=scenario)
        for seed in range(3):
            env.reset(seed=seed)

    assert len(given(load_scenario("coding_agents", {LENGTH: 40_000}), episodes)) == 1


def test_at_a_rate_it_is_known_and_no_warning() -> None:
    scenario = load_scenario("coding_agents", {LENGTH: 40_000, **AT_A_RATE})
    assert given(scenario, Simulator) == []
    unserved = Simulator(scenario).source.unserved
    assert unserved is not None
    assert (unserved.programs, unserved.unserved) == (192, 82)


@pytest.mark.parametrize("name", library())
def test_the_scenarios_of_the_library_serve_everything(name: str) -> None:
    scenario = load_scenario(name)
    has_rate = hasattr(scenario.workload.arrivals, "load")
    unserved = prepare(scenario, rate_per_s=1.0 if has_rate else None).unserved
    assert unserved is not None
    assert unserved.unserved == 0


@pytest.mark.parametrize("arrivals", [{}, AT_A_RATE])
def test_strict_makes_it_an_error(arrivals: dict[str, Any], no_search: list[int]) -> None:
    scenario = load_scenario("coding_agents", {LENGTH: 40_000, "workload.strict": True, **arrivals})
    with pytest.raises(
        ScenarioError, match=r"workload\.strict: no instance takes more than 40,000 tokens .* 82 of 192"
    ):
        Simulator(scenario)
    assert not no_search
    assert Simulator(load_scenario("coding_agents", {"workload.strict": True, **arrivals}))


def test_strict_holds_for_every_episode() -> None:
    """Programs that are given, and the rare long one that no sample has."""
    scenario = load_scenario("coding_agents", {"workload.strict": True, **AT_A_RATE})
    simulator = Simulator(scenario)
    programs = simulator.source.draw(0)
    simulator.reset(0, programs)
    programs.turn["output_tokens"][-1] = 200_000
    programs.segment["n_blocks"][programs.turn["segment"][-1]] += 200_000 // programs.block_size
    with pytest.raises(ScenarioError, match=r"1 of 128 programs need more: up to"):
        simulator.reset(0, programs)


def test_strict_does_not_change_what_a_scenario_means() -> None:
    assert load_scenario().content_hash() == load_scenario(None, {"workload.strict": True}).content_hash()


MIXED = [{"gpu": "H100", "kv_blocks": 1000}, {"gpu": "H100", "count": 2, "max_model_len_tokens": 30_000}]
APART = [
    {"gpu": "H100", "mode": "prefill", "max_model_len_tokens": 50_000},
    {"gpu": "H100", "count": 2, "mode": "prefill"},
    {"gpu": "H100", "mode": "decode", "kv_blocks": 2000},
    {"gpu": "H100", "mode": "decode", "max_model_len_tokens": 60_000},
]
LIMITS: dict[str, tuple[dict[str, Any], str]] = {
    "memory": (
        {"cluster.instances": [{"gpu": "A100", "gpu_memory_utilization": 0.3}]},
        "62,496 tokens (the memory of cluster.instances.0 holds 3,906 blocks of 16 tokens)",
    ),
    "largest": ({"cluster.instances": MIXED}, "30,000 tokens (cluster.instances.1.max_model_len_tokens)"),
    "decode": (
        {"cluster.instances": APART, "cluster.peer_link": {}},
        "60,000 tokens (cluster.instances.3.max_model_len_tokens)",
    ),
    "prefill": (
        {"cluster.instances": [APART[0], *APART[2:]], "cluster.peer_link": {}},
        "50,000 tokens (cluster.instances.0.max_model_len_tokens)",
    ),
    "block": (
        {KV: 2000, "cluster.block_size_tokens": 8},
        "16,000 tokens (cluster.instances.0.kv_blocks: 2,000 blocks of 8 tokens)",
    ),
}


@pytest.mark.parametrize(("changes", "words"), LIMITS.values(), ids=LIMITS)
def test_the_limit_is_named_with_what_sets_it(changes: dict[str, Any], words: str) -> None:
    scenario = load_scenario("coding_agents", {**AT_A_RATE, **changes})
    assert limit(scenario, engines_of(scenario)) == words


@pytest.mark.parametrize("name", ["tight", "apart"])
def test_what_is_counted_is_what_fails(name: str) -> None:
    """The engine fails exactly the programs of which it was known before."""
    simulator = Simulator(small(name, {"cluster.instances.0.kv_blocks": 2000, "episode.programs": 60}))
    simulator.reset(seed=3)
    simulator.run()
    records = simulator.records()
    longest = records.metadata["longest_context_tokens"]
    turns = records.turns["prompt_tokens"].astype(int) + records.turns["output_tokens"]
    first = simulator.programs.program["first_turn"]
    too_long = np.maximum.reduceat(turns, first) > longest
    assert ((records.programs["state"] == "failed") == too_long).all()
    assert name == "apart" or too_long.any()
