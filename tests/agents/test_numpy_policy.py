from pathlib import Path

import numpy as np
import pytest
import torch

from agentsim_env.agents import AgentError, NumpyPolicy, load_policy
from agentsim_env.agents.networks import CandidateScorer

NAMES = ("allowed", "load", "hit", "queue", "kv")


def pair(actions_per_row: int = 1, allowed_feature: int = -1) -> tuple[CandidateScorer, NumpyPolicy]:
    torch.manual_seed(0)
    scorer = CandidateScorer(len(NAMES), 32, actions_per_row, allowed_feature)
    return scorer, NumpyPolicy.from_torch(scorer, NAMES)


@pytest.mark.parametrize("n_rows", [1, 4, 8, 64])
@pytest.mark.parametrize("actions_per_row", [1, 3])
@pytest.mark.parametrize("allowed_feature", [-1, 0])
def test_equals_torch(n_rows: int, actions_per_row: int, allowed_feature: int) -> None:
    scorer, policy = pair(actions_per_row, allowed_feature)
    rng = np.random.default_rng(1)
    for _ in range(20):
        observation = rng.uniform(-1, 1, n_rows * len(NAMES)).astype(np.float32)
        with torch.no_grad():
            expected = scorer(torch.from_numpy(observation)[None])[0].numpy()
        np.testing.assert_allclose(policy.scores(observation), expected, rtol=0, atol=1e-5)


def test_acts_greedily_among_the_allowed() -> None:
    _, policy = pair()
    observation = np.random.default_rng(2).uniform(-1, 1, 4 * len(NAMES)).astype(np.float32)
    scores = policy.scores(observation).copy()
    assert policy.act(observation, {"action_mask": np.ones(4, np.int8)}) == scores.argmax()
    assert policy.act(observation, {}) == scores.argmax()
    mask = np.ones(4, np.int8)
    mask[scores.argmax()] = 0
    assert policy.act(observation, {"action_mask": mask}) == np.argsort(scores)[-2]


def test_draws_with_the_probabilities_of_the_network() -> None:
    _, policy = pair()
    policy.sampled = True
    observation = np.random.default_rng(2).uniform(-1, 1, 4 * len(NAMES)).astype(np.float32)
    mask = np.array([1, 1, 0, 1], np.int8)
    policy.reset(5)
    drawn = [policy.act(observation, {"action_mask": mask}) for _ in range(4000)]
    scores = policy.scores(observation).astype(float)
    expected = np.where(mask, np.exp(scores - scores.max()), 0.0)
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 4000, expected / expected.sum(), atol=0.03)
    policy.reset(5)
    assert [policy.act(observation, {"action_mask": mask}) for _ in range(100)] == drawn[:100]


def test_saves_and_loads(tmp_path: Path) -> None:
    _, policy = pair(allowed_feature=0)
    policy.origin["steps"] = 5
    policy.sampled = True
    path = policy.save(tmp_path / "policy.npz")
    loaded = load_policy(path, "mine")
    assert loaded.content_hash() == policy.content_hash()
    assert (loaded.name, loaded.feature_names, loaded.allowed_feature) == ("mine", NAMES, 0)
    assert loaded.origin == {"steps": 5}
    assert loaded.sampled
    assert [file.name for file in tmp_path.iterdir()] == ["policy.npz"]


def test_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="no such file"):
        load_policy(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(AgentError, match="is not an exported policy"):
        load_policy(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    with pytest.raises(AgentError, match="is not an exported policy"):
        load_policy(tmp_path / "other.npz")


def test_refuses_other_features(make_rows) -> None:
    _, policy = pair()
    policy.bind(make_rows(8, NAMES))
    with pytest.raises(AgentError, match=r"new \['tenant'\], gone \['kv'\]"):
        policy.bind(make_rows(4, (*NAMES[:-1], "tenant")))
    with pytest.raises(AgentError, match="another order"):
        policy.bind(make_rows(4, NAMES[::-1]))


def test_refuses_another_number_of_actions_per_row(make_rows) -> None:
    _, policy = pair(actions_per_row=3)
    with pytest.raises(AgentError, match="3 actions for each candidate"):
        policy.bind(make_rows(4, NAMES))
