"""A search from a scenario to its files."""

from pathlib import Path
from shutil import copytree

import pytest

from agentsim_env import Simulator, load_scenario
from agentsim_env.scenario.bundle import rules_of
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.search.combination import Answer, Combination, of_rules
from agentsim_env.training.search.command import FILE, search_rules
from agentsim_env.training.search.episodes import Episodes, Played
from agentsim_env.training.search.report import BUNDLE
from tests.small import small

KINDS = ("preempt_turn",)


def run(out: Path) -> None:
    search_rules(small("tight"), kinds=KINDS, budget=20, seeds=2, out=out)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search."""
    folder = tmp_path_factory.mktemp("search")
    run(folder)
    return folder


def test_what_is_found_is_a_bundle_and_a_table(searched: Path) -> None:
    rules = rules_of(str(searched / BUNDLE))
    by_path = load_scenario("tool_chat", {"rules.bundle": str(searched / BUNDLE)})
    assert by_path.rules.by_kind() == rules.by_kind()
    table = (searched / "results.md").read_text()
    assert "| stock |" in table
    assert f"`{of_rules(rules).describe()}`" in table
    assert "2 held-out seeds" in table


def test_what_was_played_is_not_played_again(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copytree(searched, tmp_path, dirs_exist_ok=True)
    path = tmp_path / FILE
    lines = path.read_text().splitlines(keepends=True)
    first = (tmp_path / "results.md").read_text()
    path.write_text("".join(lines[:-3]) + lines[-3][:9])
    played = []

    def play(episodes: Episodes, left: list) -> list:
        played.extend(left)
        return [(task, episodes._player(task)) for task in left]

    monkeypatch.setattr(Episodes, "_outcomes", play)
    run(tmp_path)
    assert len(played) == 3
    assert (tmp_path / "results.md").read_text() == first
    assert sorted(path.read_text().splitlines(keepends=True)) == sorted(lines)


def test_an_episode_costs_what_the_summary_says() -> None:
    scenario = small("tight")
    episodes = Episodes(scenario)
    combination = Combination().with_answer("preempt_turn", Answer("smallest"))
    episodes.play([(combination, 5)])
    simulator = Simulator(scenario, bundle="agentservesim.stock", rules={"preempt_turn": "smallest"})
    simulator.reset(5)
    simulator.run()
    summary = simulator.summary()
    played = episodes.played(combination, 5)
    assert played is not None
    assert played.cost_s == pytest.approx(summary["mean_cost_s"])
    assert played.jct_s == summary["mean_jct_s"]


def test_rules_that_cannot_be_in_a_scenario_cost_too_much() -> None:
    episodes = Episodes(small("equal"))
    impossible = Combination((("admit_program", Answer("hysteresis_gate", (("least_waiting", 1e30),))),))
    episodes.play([(impossible, 0)])
    assert episodes.played(impossible, 0) == pytest.approx(Played(float("inf")), nan_ok=True)


def test_kinds_without_a_choice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no choice in this scenario for kind 'set_prefill_budget'"):
        search_rules(small("tight"), kinds=("set_prefill_budget",), out=tmp_path)
