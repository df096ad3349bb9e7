"""The second half of docs/fidelity.md."""

from pathlib import Path

import pytest

from agentsim_env.scenario import bundles, library
from agentsim_env.scenario.registries import rules
from agentsim_env.validation.halves import SECOND_TITLE, first_half, joined, second_half
from agentsim_env.validation.programs.claims import Claim, Tried, claims

ROOT = Path(__file__).resolve().parents[3]


def test_each_half_takes_the_place_of_its_own() -> None:
    first, second = "# First\n\nText.\n", f"{SECOND_TITLE}\n\nold\n"
    once = joined(first, second)
    assert (first_half(once), second_half(once)) == (first, second)
    assert joined(first_half(once), f"{SECOND_TITLE}\n\nnew\n") == f"# First\n\nText.\n\n{SECOND_TITLE}\n\nnew\n"
    assert joined(first, second_half(first)) == first


def test_the_page_has_both() -> None:
    page = (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")
    assert first_half(page).startswith("# ") and second_half(page)


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: f"{claim.system}: {claim.claim[:40]}")
def test_claims_are_about_what_there_is(claim: Claim) -> None:
    low, high = claim.claimed
    assert 0 < low <= high
    for side in (claim.what, claim.than):
        assert set(side) <= {"bundle", "rules", "scenario"}
        assert side.get("scenario", claim.scenario) in library()
        assert side.get("bundle", "agentservesim.stock") in bundles()
        assert all(rule in rules(kind) for kind, rule in side.get("rules", {}).items())


@pytest.mark.parametrize(
    ("claimed", "ratio", "verdict"),
    [
        ((0.5, 0.6), 0.55, "size"),
        ((0.5, 0.6), 0.8, "sign"),
        ((0.5, 0.6), 0.99, "no"),
        ((0.5, 0.6), 1.4, "no"),
        ((1.2, 1.3), 1.7, "sign"),
        ((0.996, 1.004), 1.02, "size"),
        ((0.996, 1.004), 1.2, "no"),
    ],
)
def test_verdicts(claimed: tuple[float, float], ratio: float, verdict: str) -> None:
    assert Tried(Claim("", "", "", {}, {}, claimed), ratio).verdict == verdict
