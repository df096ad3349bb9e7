"""The page of baselines: which policies are compared, and what is said about made-up figures."""

from pathlib import Path

import numpy as np
import pytest

from agentsim_env.scenario import bundles, load_scenario
from agentsim_env.scenario.bundle import STOCK, rules_of
from benchmarks.baselines.cells import Cell, Figures, run_cell, run_cells
from benchmarks.baselines.page import write_numbers, write_page
from benchmarks.baselines.picture import save_picture
from benchmarks.baselines.policies import Policy, policies
from benchmarks.baselines.results import Results
from benchmarks.baselines.texts import findings

SEEDS = tuple(range(8))


def test_all_bundles_and_all_rules_are_compared_once() -> None:
    listed = policies()
    names = [policy.name for policy in listed]
    assert len(names) == len(set(names)) >= 25
    assert names[0] == STOCK
    assert set(bundles()) <= set(names)
    assert "schedule_turn: shortest_prompt" in names
    assert "admit_program: mori" not in names  # it is the bundle
    assert {policy.name for policy in listed if policy.oracle} >= {"schedule_turn: oracle_srpt"}


def test_a_policy_is_a_scenario_with_its_rules() -> None:
    policy = next(policy for policy in policies() if policy.name == "preempt_turn: largest")
    rules = policy.apply(load_scenario("pressure_1")).rules.by_kind()
    assert rules == {**rules_of(STOCK).by_kind(), "preempt_turn": "largest"}


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A scenario of a few programs, and a place of its own for what is kept."""
    monkeypatch.setattr("benchmarks.baselines.cells.CACHE_ROOT", tmp_path)
    path = tmp_path / "tiny.yaml"
    path.write_text("extends: pressure_1\nepisode: {programs: 6, warmup_programs: 0}\n")
    return str(path)


def test_what_is_kept_is_not_run_again(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell(tiny, policies()[0])
    first = run_cell(cell, (0, 1))
    assert [figures["programs_done"] for figures in first] == [6.0, 6.0]
    monkeypatch.setattr("benchmarks.baselines.cells._episode", lambda *_: pytest.fail("run again"))
    assert run_cell(cell, (1, 0)) == first[::-1]
    assert list(run_cells([cell], (0, 1), jobs=1)) == [(cell, first)]


def made_up(ratios: dict[str, dict[str, float]]) -> Results:
    """Results in which a policy's mean JCT on a scenario is so many times that of stock."""
    rng = np.random.default_rng(0)
    listed = tuple(policy for policy in policies() if policy.name in next(iter(ratios.values())))
    figures: dict[tuple[str, str], list[Figures]] = {}
    for scenario, ratio_of in ratios.items():
        stock = 100.0 * rng.uniform(0.9, 1.1, len(SEEDS))
        for policy in listed:
            jct = stock * ratio_of[policy.name] * rng.uniform(0.995, 1.005, len(SEEDS))
            figures[scenario, policy.name] = [
                {"mean_jct_s": value, "mean_ideal_s": 40.0, "jct_over_ideal": value / 40.0, "idle": []} for value in jct
            ]
    return Results(tuple(ratios), listed, SEEDS, figures)


@pytest.fixture
def results() -> Results:
    names = (STOCK, "thunderagent", "mori", "concur", "sglang", "schedule_turn: oracle_srpt")
    rows = {
        "pressure_2": (1, 1, 1, 1, 1.3, 1),
        "pressure_1": (1, 0.5, 0.6, 0.8, 0.9, 0.4),
        "pressure_0.25": (1, 0.97, 1.2, 0.95, 0.5, 0.4),
    }
    return made_up({scenario: dict(zip(names, map(float, row), strict=True)) for scenario, row in rows.items()})


def test_changes_are_paired(results: Results) -> None:
    """Stock differs by a tenth from seed to seed, the ratios by half a percent."""
    found = results.change("pressure_1", "thunderagent")
    assert found.estimate == pytest.approx(-0.5, abs=0.005)
    assert found.high - found.low < 0.01


def test_what_is_said_follows_from_the_figures(results: Results) -> None:
    text = "\n\n".join(findings(results))
    assert "everything ties.** On `pressure_2`, 4 of 5 policies are within 2 %" in text
    assert "would have fitted: `sglang` (+30 %)." in text
    assert "wins by far on `pressure_1`**, and loses, for one gate at least, on `pressure_0.25`." in text
    assert "No policy is best everywhere" in text


def test_the_best_does_not_see_the_future(results: Results) -> None:
    assert results.best("pressure_1", list(results.online())).name == "thunderagent"
    assert results.best("pressure_1", results.policies).name == "schedule_turn: oracle_srpt"
    assert results.ranking[0].name == "schedule_turn: oracle_srpt"


def test_the_page_is_written(results: Results, tmp_path: Path) -> None:
    write_page(results, tmp_path / "baselines.md", "baselines.png")
    save_picture(results, tmp_path / "baselines.png")
    write_numbers(results, tmp_path / "baselines.json")
    page = (tmp_path / "baselines.md").read_text()
    assert "### pressure_0.25" in page
    assert "| **mori** | +20 [" in page
    assert "nan" not in page


def test_a_rule_that_did_nothing_is_marked(results: Results, tmp_path: Path) -> None:
    for figures in results.figures["pressure_2", "mori"]:
        figures["idle"] = ["mori"]
    write_page(results, tmp_path / "baselines.md", "baselines.png")
    assert (tmp_path / "baselines.md").read_text().count("**mori** †") == 1


def test_oracle_rules_are_told_from_their_tables() -> None:
    assert all(isinstance(policy, Policy) for policy in policies())
    assert all(policy.oracle == ("oracle" in policy.name or "belady" in policy.name) for policy in policies())
