"""A result that was changed, or whose agents are not there, is found out."""

import copy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agentsim_env.training.benchmark.outcome import Outcome, read_outcome, write_outcome
from agentsim_env.training.benchmark.protocol import benchmark
from agentsim_env.training.benchmark.scores import scores_of
from agentsim_env.training.benchmark.suite import Suite
from agentsim_env.training.benchmark.verify import verify
from agentsim_env.training.cli import app

MODULE = """
def first(features, info):
    return int(info["action_mask"].argmax())
"""


def changed(outcome: Outcome, change: Callable[[Any], None]) -> Outcome:
    content = copy.deepcopy(outcome.model_dump(mode="json"))
    change(content)
    return Outcome.model_validate(content)


def test_what_was_not_touched_comes_out_to_the_bit(outcome: Outcome) -> None:
    verdict = verify(outcome, 10)
    assert verdict.holds
    assert verdict.reproduced == 2 * 2 * 4


def test_a_sample_has_every_case_first(outcome: Outcome) -> None:
    assert verify(outcome, 2).reproduced == 2 * 4
    assert verify(outcome, 1).reproduced == 4


def test_a_changed_figure_is_named_with_case_seed_and_agent(outcome: Outcome) -> None:
    def better(content: Any) -> None:
        content["played"][1]["episodes"]["random"]["figures"]["mean_jct_s"][1] -= 1e-9

    verdict = verify(changed(outcome, better), 10)
    assert not verdict.holds
    (found,) = verdict.differing
    assert found.startswith("fast, seed 1, random: mean_jct_s is ")
    assert verdict.reproduced == 2 * 2 * 4 - 1


def test_changed_costs_with_the_scores_that_follow_are_found_by_playing(outcome: Outcome) -> None:
    def better(content: Any) -> None:
        content["played"][0]["episodes"]["random"]["cost"][0] /= 2
        content["scores"] = scores_of(Outcome.model_validate(content).played, outcome.names)

    verdict = verify(changed(outcome, better), 10)
    assert not verdict.wrong
    assert "slow, seed 0, random: cost is" in verdict.differing[0]


def test_scores_have_to_follow_from_the_episodes(outcome: Outcome) -> None:
    def better(content: Any) -> None:
        content["scores"]["suite"][0]["score"]["estimate"] += 0.1

    assert verify(changed(outcome, better), 1).wrong == ("scores: do not follow from the episodes",)


def test_another_scenario_or_suite_is_named(outcome: Outcome) -> None:
    def other(content: Any) -> None:
        content["suite"]["cases"][0]["set"]["cluster.instances.0.count"] = 2

    wrong = verify(changed(outcome, other), 10).wrong
    assert wrong[0].startswith("suite: is not the one")
    assert wrong[1].startswith("slow: the scenario is another one here, of hash ")


@pytest.fixture
def with_module(suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    (tmp_path / "my_router_of_test.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_router_of_test", raising=False)
    return benchmark("tiny", suite.shortened(1), ["mine=my_router_of_test:first"], tmp_path / "tiny.json")


def test_code_is_played_only_if_it_is_trusted_and_still_the_same(with_module: Outcome, tmp_path: Path) -> None:
    assert set(with_module.agents[0].files) == {"my_router_of_test.py"}
    untrusted = verify(with_module, 2)
    assert untrusted.missing == (
        "mine: my_router_of_test:first: runs code when it is loaded; say --trust if you trust it",
    )
    assert untrusted.reproduced == 2 * 2, "the others are played all the same"
    assert verify(with_module, 2, trust=True).holds
    (tmp_path / "my_router_of_test.py").write_text(f"{MODULE}\n")
    (reason,) = verify(with_module, 2, trust=True).missing
    assert "mine: my_router_of_test:first: my_router_of_test.py is another file here, of hash " in reason
    (tmp_path / "my_router_of_test.py").unlink()
    (reason,) = verify(with_module, 2, trust=True).missing
    assert reason == "mine: my_router_of_test:first: my_router_of_test.py is not here"


def test_a_result_that_hides_what_an_agent_is_made_of_is_refused(with_module: Outcome) -> None:
    def hide(content: Any) -> None:
        content["agents"][0]["files"] = {}

    (reason,) = verify(changed(with_module, hide), 2, trust=True).missing
    assert "stands in the result without the hashes of its files" in reason


def test_the_commands(suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = CliRunner()
    played = run.invoke(app, ["benchmark", str(suite_file), "-a", "random", "--seeds", "1"], catch_exceptions=False)
    assert played.exit_code == 0, played.output
    out = Path("runs/benchmarks/tiny.json")
    assert all(out.with_suffix(suffix).exists() for suffix in (".json", ".md", ".png"))
    assert f"agentsim verify {out}" in " ".join(played.output.split())
    good = run.invoke(app, ["verify", str(out)], catch_exceptions=False)
    assert (good.exit_code, good.output.splitlines()[-1]) == (0, "The result holds.")

    def better(content: Any) -> None:
        content["played"][0]["episodes"]["random"]["records_hash"][0] = "0"

    write_outcome(changed(read_outcome(out), better), out)
    bad = run.invoke(app, ["verify", str(out), "--sample", "2"], catch_exceptions=False)
    assert bad.exit_code == 1
    assert "Differs: slow, seed 0, random: records_hash is" in bad.output
    assert bad.output.splitlines()[-1] == "The result does not hold."


def test_suites_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = CliRunner().invoke(app, ["benchmark"], catch_exceptions=False)
    assert "routing_own (routing): In distribution" in " ".join(listed.output.split())
