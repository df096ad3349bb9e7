"""The scenarios of the library, with the families and rules that really exist."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from agentsim_env.load import prepare
from agentsim_env.scenario import DEFAULT, library, load_scenario
from agentsim_env.scenario import loader as loader_module

pytestmark = pytest.mark.usefixtures("real_names")

FOLDER = Path(loader_module.__file__).parent / "library"


def test_it_has_the_scenarios_that_the_documentation_names() -> None:
    assert {
        "coding_agents",
        "coding_agents_heterogeneous",
        "unequal_gpus_tight",
        "tool_chat",
        "agent_mix",
        "deep_research",
        "bursty",
        "claude_code_70b",
        "pressure_2",
        "pressure_1",
        "pressure_0.5",
        "pressure_0.25",
        "swe_agents_70b",
        "coding_teams",
        "slow_tools",
        "consumer_gpu",
        "consumer_gpu_lanes",
    } <= set(library())


@pytest.mark.parametrize("name", library())
def test_each_is_valid_and_says_what_it_is(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.description
    assert scenario.knee
    assert scenario.episode.programs


LADDER = ("pressure_2", "pressure_1", "pressure_0.5", "pressure_0.25")
TUNED = ("pressure_1_tuned", "pressure_0.5_tuned", "swe_agents_70b_tuned")  # others under the best rules known
WORLDS = ("agent_world", "agent_world_ahead", "agent_world_evicted")
BY_RATE = ("unequal_gpus_tight",)  # the capacity under rules that thrash says little
AS_PUBLISHED = ("swe_agents_70b", "swe_agents_70b_dram", "consumer_gpu", "consumer_gpu_lanes", *WORLDS)


@pytest.mark.parametrize("name", sorted(set(library()) - {*LADDER, *TUNED, *AS_PUBLISHED, *BY_RATE}))
def test_each_gives_the_load_as_a_fraction_of_capacity(name: str) -> None:
    assert getattr(load_scenario(name).workload.arrivals, "load", None)


def test_on_the_ladder_nothing_but_the_memory_changes() -> None:
    rungs = [load_scenario(name) for name in LADDER]
    memory = [rung.cluster.instances[0].kv_blocks or 0 for rung in rungs]
    assert all(memory)
    assert [memory[0] // size for size in memory] == [1, 2, 4, 8]
    alike = [load_scenario(rung, ["cluster.instances.0.kv_blocks=1000"]).content_hash() for rung in rungs]
    assert len(set(alike)) == 1


@pytest.mark.parametrize("name", TUNED)
def test_a_tuned_scenario_differs_by_its_rules_alone(name: str) -> None:
    plain, tuned = load_scenario(name.removesuffix("_tuned")), load_scenario(name)
    assert tuned.rules != plain.rules
    assert tuned.model_copy(update={"rules": plain.rules}).content_hash() == plain.content_hash()


def test_every_context_fits_on_the_last_rung() -> None:
    scenario = load_scenario(LADDER[-1])
    programs = prepare(scenario).draw(0)
    most_tokens = 16 * (scenario.cluster.instances[0].kv_blocks or 0)
    assert (programs.turn["prompt_tokens"] + programs.turn["output_tokens"]).max() <= most_tokens


@pytest.mark.parametrize("name", library())
def test_episodes_are_long_enough_and_not_too_long(name: str) -> None:
    """A few thousand decisions, the first eighth of the programs or more being warm-up."""
    scenario = load_scenario(name)
    has_rate = hasattr(scenario.workload.arrivals, "load")
    source = prepare(scenario, rate_per_s=1.0 if has_rate else None)
    turns = [len(source.draw(seed).turn) for seed in range(3)]
    assert 2_000 <= np.mean(turns) <= 5_000
    assert scenario.episode.programs
    assert scenario.episode.warmup_programs >= scenario.episode.programs // 8


def test_hashes_differ() -> None:
    assert len({load_scenario(name).content_hash() for name in library()}) == len(library())


def test_the_default_is_the_default() -> None:
    assert load_scenario() == load_scenario(DEFAULT)
    assert load_scenario().cluster.n_instances == 4


@pytest.mark.parametrize("name", library())
def test_files_are_tidy(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    assert set(yaml.safe_load(text)) <= {"extends", *type(load_scenario(name)).model_fields}
    assert not re.search(r"[ \t]+$", text, re.MULTILINE)
