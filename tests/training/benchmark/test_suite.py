import re
from pathlib import Path

import pytest

from agentsim_env import load_scenario
from agentsim_env.agents import BundleAgent, make_agent
from agentsim_env.training.benchmark.suite import Suite, find_suite, suites
from agentsim_env.training.environments import ENVIRONMENTS, find_environment
from agentsim_env.training.errors import TrainingError
from tests.training.benchmark.conftest import tiny_suite

PAGE = Path(__file__).parents[3] / "docs" / "benchmark.md"


def test_there_is_a_suite_for_every_environment() -> None:
    assert {find_suite(name)[1].environment for name in suites()} == set(ENVIRONMENTS)


@pytest.mark.parametrize("name", suites())
def test_shipped_suites_load_with_their_scenarios_and_opponents(name: str) -> None:
    suite = find_suite(name)[1]
    kinds = find_environment(suite.environment).kinds
    make_agent(suite.stock, kinds)
    for case in suite.cases:
        make_agent(case.opponent, kinds)
        if case.trace is None:
            case.load(None)


def test_the_page_names_every_suite_and_its_example_is_one(tmp_path: Path) -> None:
    text = PAGE.read_text()
    table = "".join(line for line in text.splitlines() if line.startswith("| `"))
    assert set(suites()) <= set(re.findall(r"`(\w+)`", table))
    path = tmp_path / "example.yaml"
    path.write_text(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0])
    assert find_suite(str(path))[1].cases[0].load(None).cluster.n_instances == 8


def test_reasons_and_descriptions_do_not_count_for_the_hash_but_seeds_do(suite: Suite) -> None:
    assert suite.model_copy(update={"description": "Other words."}).content_hash() == suite.content_hash()
    assert suite.shortened(1).content_hash() != suite.content_hash()
    assert suite.shortened(5) == suite
    assert [case.seeds for case in suite.shortened(1).cases] == [1, 1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"environment": "rooting"}, "environment = 'rooting': no such environment; did you mean routing?"),
        ({"cases": []}, "cases = .*at least 1"),
        ({"stocks": "random"}, "stocks: Extra inputs"),
        ({"cases": [{"name": "A b"}]}, "cases.0.name = 'A b': String should match"),
    ],
)
def test_errors_name_file_field_and_what_is_allowed(tmp_path: Path, wrong: dict, message: str) -> None:
    from agentsim_env.training.files import write_yaml

    path = tmp_path / "mine.yaml"
    write_yaml(path, {**tiny_suite().model_dump(mode="json"), **wrong})
    with pytest.raises(TrainingError, match=f"mine.yaml: {message}"):
        find_suite(str(path))


def test_a_case_names_a_scenario_of_the_library_and_a_trace_within_the_folder() -> None:
    case = tiny_suite().model_dump(mode="json")["cases"][0]
    with pytest.raises(ValueError, match="did you mean tool_chat"):
        tiny_suite(cases=[{**case, "scenario": "tool_chats"}])
    with pytest.raises(ValueError, match="within the folder of traces"):
        tiny_suite(cases=[{**case, "trace": "../secret"}])
    with pytest.raises(ValueError, match="two cases are named 'slow'"):
        tiny_suite(cases=[case, case])


def test_an_unknown_suite_names_the_known_ones() -> None:
    with pytest.raises(TrainingError, match=r"no suite 'routing_ovn'; did you mean routing_own\?; allowed: admission"):
        find_suite("routing_ovn")


@pytest.mark.parametrize("opponent", ["os:system", "model.zip", "runs/mine", "bundle:sga", "fcfs", "a=random"])
def test_opponents_are_rules_and_bundles_and_nothing_that_is_loaded(opponent: str) -> None:
    with pytest.raises(
        ValueError, match=f"'{opponent}' cannot be an opponent; allowed: a rule for route_turn, rules, or"
    ):
        tiny_suite(stock=opponent)
    case = tiny_suite().model_dump(mode="json")["cases"][0]
    with pytest.raises(ValueError, match=f"'{opponent}' cannot be an opponent"):
        tiny_suite(cases=[{**case, "best": opponent}])


def test_the_best_may_be_a_combination_with_parameters() -> None:
    case = tiny_suite().model_dump(mode="json")["cases"][0]
    combination = {
        "route_turn": "saga",
        "admit_program": "max_programs",
        "rule_params": {"admit_program": {"per_instance": 4}},
    }
    suite = tiny_suite(cases=[{**case, "best": combination}])
    agent = make_agent(suite.cases[0].opponent)
    assert isinstance(agent, BundleAgent)
    rules = load_scenario("tool_chat", agent.changes).rules
    assert (rules.route_turn, rules.params("admit_program")["per_instance"]) == ("saga", 4.0)
    assert Suite.model_validate(suite.model_dump(mode="json")).content_hash() == suite.content_hash()
    with pytest.raises(ValueError, match="rountd_robin"):
        tiny_suite(cases=[{**case, "best": {"route_turn": "rountd_robin"}}])


@pytest.mark.parametrize("scenario", ["pressure_1", "pressure_0.5", "swe_agents_70b"])
def test_whole_systems_stand_beside_the_best_combination_that_is_known(scenario: str) -> None:
    best = {case.scenario: case.best for case in find_suite("joint")[1].cases}[scenario]
    tuned = load_scenario(f"{scenario}_tuned").rules
    assert not isinstance(best, str)
    assert (best.by_kind(), best.rule_params) == (tuned.by_kind(), tuned.rule_params)
