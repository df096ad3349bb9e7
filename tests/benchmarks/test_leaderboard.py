"""The page of the leaderboard: what is listed, and what is not."""

import copy

import pytest

from agentsim_env.training.benchmark.outcome import Outcome, read_outcome
from agentsim_env.training.benchmark.suite import find_suite
from benchmarks.leaderboard.__main__ import verified
from benchmarks.leaderboard.page import DOCS, RESULTS, page, refusal
from tests.training.benchmark.conftest import outcome, suite

__all__ = ["outcome", "suite"]  # fixtures

SHIPPED = {path.name: path for path in sorted(RESULTS.glob("*.json"))}


def test_the_page_is_that_of_the_results() -> None:
    results = {name: read_outcome(path) for name, path in SHIPPED.items()}
    assert (DOCS / "leaderboard.md").read_text() == page(results)


@pytest.mark.parametrize("name", SHIPPED)
def test_each_result_is_of_a_suite_as_it_is_now(name: str) -> None:
    found = read_outcome(SHIPPED[name])
    assert refusal(found) is None
    for case in found.played:
        listed = next(entry for entry in found.suite.cases if entry.name == case.case)
        if listed.trace is None:
            assert listed.load(None).content_hash() == case.scenario, f"{case.case} is another scenario now"


def test_what_is_no_suite_of_the_package_or_not_all_of_one_is_refused(outcome: Outcome) -> None:
    assert refusal(outcome) == "tiny is no suite that comes with the package"
    short = find_suite("routing_quick")[1].shortened(2)
    result = outcome.model_copy(update={"name": "routing_quick", "suite_hash": short.content_hash()})
    assert refusal(result) == "it is not of the suite routing_quick as it is now, or not of all of its seeds"


def test_only_what_comes_out_again_is_listed(outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.leaderboard.__main__.refusal", lambda _: None)
    content = copy.deepcopy(outcome.model_dump(mode="json"))
    for case in content["played"]:
        case["episodes"]["random"]["records_hash"] = ["0", "0"]
    listed, refused = verified({"good.json": outcome, "bad.json": Outcome.model_validate(content)}, 1)
    assert list(listed) == ["good.json"]
    assert "bad.json: Differs: " in refused[0]


def test_rows_of_all_results_of_a_suite_stand_by_their_scores(outcome: Outcome) -> None:
    result = outcome.model_copy(update={"name": "routing_quick"})
    rows = [line for line in page({"a.json": result, "b.json": result}).splitlines() if line.startswith("| ")]
    agents = [row.split(" | ")[0].removeprefix("| ") for row in rows[2:]]
    assert agents.count("stock") == agents.count("best") == 1
    assert agents.count("random") == 2
    scores = [float(row.split(" | ")[1].split(" ")[0]) for row in rows[2:]]
    assert scores == sorted(scores, reverse=True)
