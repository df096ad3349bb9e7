import pytest
import torch

from agentsim_env.agents.networks import FORBIDDEN_SCORE, CandidateCritic, CandidateScorer


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def observations(batch: int, n_rows: int, n_features: int, allowed: torch.Tensor | None = None) -> torch.Tensor:
    rows = torch.rand(batch, n_rows, n_features) * 2 - 1
    if allowed is not None:
        rows[:, :, 0] = torch.where(allowed, 1.0, -1.0)
    return rows.flatten(1)


@pytest.mark.parametrize("allowed_feature", [-1, 0])
@pytest.mark.parametrize("actions_per_row", [1, 3])
def test_permuting_rows_permutes_scores(allowed_feature: int, actions_per_row: int) -> None:
    scorer = CandidateScorer(5, 16, actions_per_row, allowed_feature)
    observation = observations(7, 6, 5)
    order = torch.randperm(6)
    permuted = observation.reshape(7, 6, 5)[:, order].flatten(1)
    expected = scorer(observation).reshape(7, 6, actions_per_row)[:, order].flatten(1)
    torch.testing.assert_close(scorer(permuted), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("allowed_feature", [-1, 0])
def test_permuting_rows_leaves_the_critic_alone(allowed_feature: int) -> None:
    critic = CandidateCritic(5, 16, allowed_feature)
    observation = observations(7, 6, 5)
    permuted = observation.reshape(7, 6, 5)[:, torch.randperm(6)].flatten(1)
    torch.testing.assert_close(critic(permuted), critic(observation), rtol=0, atol=1e-6)


def test_same_weights_serve_any_number_of_rows() -> None:
    scorer = CandidateScorer(5, 16)
    four = observations(3, 4, 5)
    # Every row twice: neither the mean nor the maximum over the rows changes.
    eight = four.reshape(3, 4, 5).repeat(1, 2, 1).flatten(1)
    torch.testing.assert_close(scorer(eight), scorer(four).repeat(1, 2), rtol=0, atol=1e-6)


def test_forbidden_rows_do_not_count() -> None:
    allowed = torch.tensor([[True, False, True, False]])
    scorer = CandidateScorer(5, 16, allowed_feature=0)
    observation = observations(1, 4, 5, allowed)
    without = observation.reshape(1, 4, 5)[:, allowed[0]].flatten(1)
    torch.testing.assert_close(scorer(observation)[allowed], scorer(without)[0], rtol=0, atol=1e-6)
    masked = scorer.mask(observation, scorer(observation))
    assert (masked[~allowed] == FORBIDDEN_SCORE).all()
    assert (masked[allowed] == scorer(observation)[allowed]).all()


def test_all_rows_count_where_none_is_marked() -> None:
    scorer = CandidateScorer(5, 16, allowed_feature=0)
    none = torch.zeros(1, 4, dtype=torch.bool)
    scores = scorer(observations(1, 4, 5, none))
    assert torch.isfinite(scores).all()
    assert (scorer.mask(observations(1, 4, 5, none), scores) == scores).all()
