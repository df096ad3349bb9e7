"""Cloning answers as somebody has answered, and ends where it gets no better on other episodes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agentsim_env.agents import ExportedPolicy, make_agent
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.offline.clone import clone_data
from agentsim_env.training.offline.cloning import Columns, Settings, clone, exported, together
from agentsim_env.training.offline.store import DataSet, Decisions

COLUMNS = Columns(("allowed", "load", "noise"), 0)


def emptiest(n: int, seed: int) -> Decisions:
    """Decisions of somebody who chooses the legal row with the lowest load."""
    rng = np.random.default_rng(seed)
    rows = rng.random((n, 4, 3), np.float32)
    legal = rng.random((n, 4)) < 0.7
    legal[np.arange(n), rng.integers(4, size=n)] = True
    rows[:, :, 0] = legal
    return Decisions(rows.reshape(n, -1), legal, np.where(legal, rows[:, :, 1], 2.0).argmin(1), np.zeros((n, 0)))


@pytest.mark.parametrize("policy", ["LinearPolicy", "CandidatePolicy"])
def test_it_learns_what_the_answers_have_in_common(policy: str) -> None:
    settings = Settings(policy, epochs=20, batch_size=64, learning_rate=0.05)
    found = clone(emptiest(1000, 0), emptiest(500, 1), COLUMNS, settings)
    assert found.held_out.agreement > 0.95
    agent = exported(found.network, COLUMNS, "mine", {})
    fresh = emptiest(200, 2)
    answers = [agent.act(one, {"action_mask": legal}) for one, legal in zip(*fresh[:2], strict=True)]
    assert np.mean(answers == fresh.actions) > 0.95


def test_it_learns_what_costs_least_from_whoever_answers_anything() -> None:
    seen, others = (by_costs(emptiest(1000, seed), seed) for seed in (0, 1))
    found = clone(seen, others, COLUMNS, Settings(epochs=20, batch_size=64, learning_rate=0.05, by="costs"))
    agent = exported(found.network, COLUMNS, "mine", {})
    fresh = emptiest(200, 2)
    answers = [agent.act(row, {"action_mask": legal}) for row, legal in zip(*fresh[:2], strict=True)]
    assert np.mean(answers == fresh.actions) > 0.95
    assert found.held_out.agreement < 0.6


def by_costs(decisions: Decisions, seed: int) -> Decisions:
    """The same decisions answered by chance, with costs: the load of the row, and what the future brings to all."""
    rng = np.random.default_rng(seed)
    load = decisions.observations.reshape(len(decisions.legal), 4, 3)[:, :, 1]
    costs_s = np.where(decisions.legal, load + 10.0 * rng.random((len(load), 1)), np.nan)
    answers = np.array([rng.choice(np.flatnonzero(row)) for row in decisions.legal])
    return decisions._replace(actions=answers, costs_s=costs_s)


def test_it_ends_where_others_are_imitated_no_better() -> None:
    chance = emptiest(300, 0)
    answers = np.array([np.random.default_rng(i).choice(np.flatnonzero(row)) for i, row in enumerate(chance.legal)])
    found = clone(
        chance._replace(actions=answers), emptiest(300, 1), COLUMNS, Settings("CandidatePolicy", epochs=40, patience=3)
    )
    losses = [epoch.held_out.loss for epoch in found.epochs]
    assert len(losses) == losses.index(min(losses)) + 1 + 3 < 40
    assert found.held_out.loss == min(losses)


def test_answers_that_were_not_legal_are_left_out() -> None:
    decisions = emptiest(50, 0)
    wrong = decisions.actions.copy()
    wrong[:20] = np.flatnonzero(~decisions.legal[:20].all(1))[0]
    kept = together([decisions._replace(actions=wrong)])
    assert len(kept.actions) == decisions.legal[np.arange(50), wrong].sum() < 50


def test_the_folder_is_an_agent(collected: Callable[..., DataSet], tmp_path: Path) -> None:
    made = collected("least_loaded")
    settings = Settings(epochs=3, seed=5)
    one = clone_data([made.id], settings, out=tmp_path / "one")
    clone_data([str(made.folder)], settings, out=tmp_path / "two")
    agent = make_agent(str(one.folder))
    assert isinstance(agent, ExportedPolicy)
    assert agent.origin["scenario"] == made.about["scenario_hash"]
    assert agent.origin["data"] == {made.id: {"agent": "least_loaded", "episodes": 3}}
    card = json.loads((one.folder / "policy.json").read_text())
    assert card["origin"]["held_out_agreement"] == one.cloned.held_out.agreement
    assert (tmp_path / "two" / "policy.safetensors").read_bytes() == (one.folder / "policy.safetensors").read_bytes()


def test_what_does_not_go_together_is_refused(collected: Callable[..., DataSet]) -> None:
    few = collected("least_loaded", episodes=1, name="few-v0")
    with pytest.raises(TrainingError, match="few-v0 has 1 episodes; to hold out 20% of them takes more"):
        clone_data([few.id], Settings())
    test = collected("least_loaded", split="test", allow_test=True, name="test-v0")
    with pytest.raises(TrainingError, match="test-v0 is of the test split: nothing is learned from it"):
        clone_data([few.id, test.id], Settings())
    wider = collected("uniform", episodes=1, name="wider-v0", overrides=["cluster.instances.0.count=4"])
    with pytest.raises(TrainingError, match="wider-v0 and few-v0 have another rows: 4 and 3; allowed: data sets"):
        clone_data([few.id, wider.id], Settings())
    with pytest.raises(TrainingError, match="--by costs: few-v0 has none; agentsim collect --rollouts finds them"):
        clone_data([few.id], Settings(by="costs"))
    with pytest.raises(TrainingError, match="--by cost: allowed: answers, costs"):
        clone_data([few.id], Settings(by="cost"))
    with pytest.raises(TrainingError, match="--policy Linear: allowed: LinearPolicy, CandidatePolicy"):
        clone_data([collected("uniform", episodes=2, name="fine-v0").id], Settings("Linear"))
