import csv
import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from agentsim_env import Scenario, Simulator, load_scenario
from agentsim_env.agents import RuleAgent
from agentsim_env.agents.protocol import bind
from agentsim_env.training.environments import make_environment
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.evaluate import evaluate
from agentsim_env.training.metrics import METRICS
from agentsim_env.training.report import save
from agentsim_env.training.results import Results
from agentsim_env.training.rollouts import roll_out, simulate
from agentsim_env.training.splits import TEST, workloads
from agentsim_env.training.tables import print_table
from agentsim_env.training.train import run


def first_allowed(features, info) -> int:
    return int(np.flatnonzero(info["action_mask"])[0])


@pytest.fixture(scope="module")
def results(tiny: Scenario) -> Results:
    return evaluate(["least_loaded", "random", first_allowed, "uniform"], scenario=tiny, seeds=4)


def test_all_agents_have_the_same_programs(results: Results) -> None:
    rows = results.episodes()
    assert len(rows) == 4 * 4
    for seed in range(4):
        assert len({row["workload_hash"] for row in rows if row["seed"] == seed}) == 1
    assert len({row["workload_hash"] for row in rows}) == 4
    assert len({row["records_hash"] for row in rows}) > 4


def test_differences_are_paired_with_the_reference(results: Results) -> None:
    assert results.reference == "least_loaded"
    difference = results.values("random", "mean_jct_s") - results.values("least_loaded", "mean_jct_s")
    found = results.comparisons["random"]["mean_jct_s"]
    assert found.difference.estimate == pytest.approx(difference.mean())
    assert found.change.estimate == pytest.approx(
        difference.mean() / results.values("least_loaded", "mean_jct_s").mean()
    )
    assert found.wins == np.mean(difference < 0)
    assert results.comparisons["least_loaded"]["mean_jct_s"].difference == (0.0, 0.0, 0.0)


def test_ranking_is_by_mean_jct(results: Results) -> None:
    means = [results.values(agent, "mean_jct_s").mean() for agent in results.ranking]
    assert means == sorted(means)
    assert list(results.comparisons) == list(results.ranking)


def test_distribution_has_every_counted_program(results: Results) -> None:
    assert len(results.jct_s("random")) == 4 * 5
    assert results.jct_s("random").reshape(4, 5).mean(axis=1) == pytest.approx(results.values("random", "mean_jct_s"))


def test_repeats_exactly_in_other_processes(tiny: Scenario) -> None:
    agents = ["least_loaded", "uniform"]
    alone, shared = (evaluate(agents, scenario=tiny, seeds=3, jobs=jobs) for jobs in (1, 2))
    assert alone.episodes() == shared.episodes()


@pytest.mark.parametrize("rule", ["least_loaded", "round_robin", "session_affinity"])
def test_rule_answers_alike_inside_and_outside_the_simulator(tiny: Scenario, rule: str) -> None:
    scenario = load_scenario(tiny, [f"rules.route_turn={rule}"])
    source = workloads(scenario, TEST)
    programs = source.draw(0)
    inside = simulate(Simulator(scenario, source=source), 0, programs)
    env = make_environment("routing", scenario)
    agent = RuleAgent(rule)
    bind(agent, env)
    outside = roll_out(agent, env, 0, programs)
    assert outside.metrics == inside.metrics
    assert outside.decisions > 0


def test_report(results: Results, tmp_path: Path) -> None:
    folder = save(results, tmp_path / "report")
    content = json.loads((folder / "results.json").read_text())
    assert content["scenario_hash"] == results.scenario.content_hash()
    assert content["seeds"] == [0, 1, 2, 3]
    assert len(set(content["workload_hashes"])) == 4
    assert load_scenario(folder / "scenario.yaml").content_hash() == results.scenario.content_hash()
    with (folder / "episodes.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 16
    with (folder / "results.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4 * len(METRICS)
    table = (folder / "results.md").read_text()
    assert all(f"| {agent} |" in table for agent in results.agents)
    assert (folder / "results.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("width", [60, 80, 160])
def test_table_keeps_whole_columns_on_any_terminal(results: Results, width: int) -> None:
    console = Console(width=width, file=StringIO(), record=True)
    print_table(results, console)
    text = console.export_text()
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert all(agent in text for agent in results.agents)
    table, _, left_out = text.partition("No room for: ")
    assert ("slowdown" in table) == (width == 160)
    assert ("slowdown" in left_out) == (width != 160), "a column that is left out is named"


def test_a_long_name_goes_on_below_itself(tiny: Scenario) -> None:
    console = Console(width=80, file=StringIO(), record=True)
    print_table(evaluate([f"{60 * 'z'}=random", "least_loaded"], scenario=tiny, seeds=1), console)
    text = console.export_text()
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert "mean JCT" in text
    assert text.count("z") == 60


def rejects(features, info) -> int:
    return 2


def rejects_later(features, info) -> int:
    return 2 if info["time_s"] > 1.0 else 0


@pytest.fixture(scope="module")
def admissions(tiny: Scenario) -> Results:
    agents = ["admit", rejects, rejects_later]
    return evaluate(agents, scenario=tiny, environment="admission", seeds=3, reference="admit")


def test_what_is_not_served_stands_beside_what_that_improves(admissions: Results) -> None:
    console = Console(width=160, file=StringIO(), record=True)
    print_table(admissions, console)
    assert re.search(r"mean JCT +against +not served +cost", console.export_text())
    means = admissions.comparisons["rejects"]
    assert means["unserved_share"].mean.estimate == 1.0
    assert means["mean_cost_s"].mean.estimate >= 1000.0
    assert admissions.ranking[-1] == "rejects", "it has no JCT to be ranked by"


def test_figures_without_a_sample_are_dashes(admissions: Results, tmp_path: Path) -> None:
    save(admissions, tmp_path)
    row = next(line for line in (tmp_path / "results.md").read_text().splitlines() if line.startswith("| rejects |"))
    assert row.split(" | ")[1:3] == ["-", "-"]
    assert "nan" not in row
    assert (tmp_path / "results.png").exists()


def test_columns_of_what_is_not_served_are_spared_where_all_are(results: Results) -> None:
    console = Console(width=200, file=StringIO(), record=True)
    print_table(results, console)
    assert "not served" not in console.export_text()


def test_one_seed_has_no_interval(tiny: Scenario, tmp_path: Path) -> None:
    results = evaluate(["least_loaded", "random"], scenario=tiny, seeds=[7])
    assert np.isnan(results.comparisons["random"]["mean_jct_s"].change.low)
    save(results, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["results"][0]["mean_low"] is None


@pytest.fixture
def whole_trace(mooncake: Path, tiny: Scenario) -> Scenario:
    changes = {
        "workload": {"trace": {"path": str(mooncake)}, "arrivals": {"process": "trace"}},
        "episode": {"programs": None, "warmup_programs": 0},
    }
    return load_scenario(tiny, changes)


def test_seeds_that_are_all_the_same_episode_are_said_to_be_and_have_no_interval(whole_trace: Scenario) -> None:
    results = evaluate(["least_loaded", "round_robin"], scenario=whole_trace, seeds=3)
    assert results.is_one_episode
    assert all(np.isnan(found.mean.low) for found in results.comparisons["round_robin"].values())
    console = Console(width=160, file=StringIO(), record=True)
    print_table(results, console)
    text = console.export_text()
    assert "all seeds are the same episode" in " ".join(text.split())
    assert "[" not in text


def test_an_agent_that_draws_has_intervals_on_one_workload_too(whole_trace: Scenario) -> None:
    results = evaluate(["least_loaded", "uniform"], scenario=whole_trace, seeds=3)
    assert len({row["workload_hash"] for row in results.episodes()}) == 1
    assert not results.is_one_episode
    assert results.comparisons["uniform"]["mean_jct_s"].mean.low < results.values("uniform", "mean_jct_s").mean()


def test_an_agent_from_another_scenario_is_noted(new_run: Callable[..., Path], tiny: Scenario, tmp_path: Path) -> None:
    folder = run(new_run())
    console = Console(width=200, file=StringIO(), record=True)
    here = evaluate([folder], scenario=tiny, seeds=1, console=console)
    assert not here.notes
    assert "Note" not in console.export_text()
    there = evaluate([folder], scenario=load_scenario(tiny, ["cluster.instances.0.count=4"]), seeds=1, console=console)
    assert there.notes == ["run was trained on another scenario than tool_chat as it is here"]
    assert f"Note: {there.notes[0]}." in console.export_text()
    save(there, tmp_path / "report")
    assert there.notes[0] in (tmp_path / "report" / "results.md").read_text()


def test_reference_can_be_chosen(tiny: Scenario) -> None:
    agents = ["random", "fast=least_loaded"]
    assert evaluate(agents, scenario=tiny, seeds=1).reference == "fast"
    assert evaluate(agents, scenario=tiny, seeds=1, reference="random").reference == "random"
    assert evaluate(["random", "uniform"], scenario=tiny, seeds=1).reference == "random"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"agents": []}, "give at least one agent"),
        ({"agents": ["random", "random"]}, "two agents are named 'random'"),
        ({"agents": ["random"], "reference": "least_loaded"}, "the reference 'least_loaded' is not among the agents"),
        ({"agents": ["random"], "seeds": [1, 1]}, "each once"),
        ({"agents": ["random"], "jobs": 0}, "jobs must be at least 1"),
    ],
)
def test_says_what_is_wrong(tiny: Scenario, arguments: dict, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        evaluate(scenario=tiny, **arguments)
