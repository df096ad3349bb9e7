"""Learning from data sets: a policy answers as somebody has answered, or as rollouts have found that it costs least."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from agentsim_env.agents.exported import ExportedPolicy
from agentsim_env.agents.linear_policy import LinearPolicy
from agentsim_env.agents.networks import FORBIDDEN_SCORE, CandidateScorer
from agentsim_env.agents.numpy_policy import NumpyPolicy
from agentsim_env.policies.weights import LinearWeights
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.offline.store import Decisions

Tensors = tuple[torch.Tensor, ...]
Measure = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

RATES = {"LinearPolicy": 0.05, "CandidatePolicy": 0.01}
"""Policies, and how fast they learn: a linear one answers sharply only with large weights."""


class Settings(NamedTuple):
    """How a policy is fitted.

    Attributes:
        policy: One of `RATES`.
        width: Units in a layer of `CandidatePolicy`.
        epochs: At most so many passes over the decisions.
        patience: It ends after so many passes in which nothing got better on the episodes that are held out.
        batch_size: Decisions of a step.
        learning_rate: Of Adam; None for that of the policy in `RATES`.
        seed: Of the first weights and of the order of decisions.
        by: What is made small: `answers`, the cross-entropy to the answers that were given; `costs`, what the answers
            cost that the policy draws, as rollouts have found.
    """

    policy: str = "LinearPolicy"
    width: int = 16
    epochs: int = 60
    patience: int = 5
    batch_size: int = 1024
    learning_rate: float | None = None
    seed: int = 0
    by: str = "answers"


class Columns(NamedTuple):
    """Columns of the observations.

    Attributes:
        names: Their names.
        allowed: Column that is > 0 in rows that may be chosen, or -1.
        actions_per_row: Actions that belong to a row.
    """

    names: tuple[str, ...]
    allowed: int
    actions_per_row: int = 1


class Fitness(NamedTuple):
    """How well a policy imitates.

    Attributes:
        loss: Mean over decisions: cross-entropy in nats, or seconds above the cheapest answer.
        agreement: Share of the decisions that it answers as they were.
    """

    loss: float
    agreement: float


class Epoch(NamedTuple):
    """A pass over the decisions: how well the policy then imitates those that it saw, and those that it did not."""

    number: int
    seen: float
    held_out: Fitness


class Cloned(NamedTuple):
    """What a fit came to: the network with its best weights, its fitness, and all passes."""

    network: nn.Module
    held_out: Fitness
    epochs: list[Epoch]


def together(episodes: Iterable[Decisions]) -> Decisions:
    """The decisions of several episodes, those left out whose answer was not legal."""
    parts = [_legal(episode) for episode in episodes]
    return Decisions(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _legal(episode: Decisions) -> Decisions:
    kept = episode.legal[np.arange(len(episode.actions)), episode.actions]
    return Decisions(*(array[kept] for array in episode))


class LinearScorer(nn.Module):
    """Scores of rows as weighted sums of their features."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.row = nn.Linear(n_features, 1, bias=False)
        nn.init.zeros_(self.row.weight)

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Scores (batch, rows) of flat observations (batch, rows * features)."""
        return self.row(observation.reshape(len(observation), -1, self.row.in_features)).squeeze(2)


def clone(
    seen: Decisions,
    held_out: Decisions,
    columns: Columns,
    settings: Settings,
    tell: Callable[[Epoch], None] = lambda _: None,
) -> Cloned:
    """Fits a policy to decisions, until it gets no better on others.

    Args:
        seen: What it learns from.
        held_out: What says when it ends, and which weights are kept; of other episodes.
        columns: Of the observations.
        settings: How.
        tell: Called after each pass.

    Raises:
        TrainingError: There is no such policy, or it does not take the actions.
    """
    torch.set_num_threads(1)  # with more small networks learn no faster, and other bits come out
    torch.manual_seed(settings.seed)
    network = _network(columns, settings)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate or RATES[settings.policy])
    order = np.random.default_rng(settings.seed)
    tensors, others = _tensors(seen), _tensors(held_out)
    measure = MEASURES[settings.by]
    best, weights, epochs = Fitness(np.inf, 0.0), network.state_dict(), []
    best_epoch = 0
    for number in range(1, settings.epochs + 1):
        loss = _pass(network, optimiser, tensors, torch.from_numpy(order.permutation(len(seen.actions))), settings)
        epochs.append(Epoch(number, loss, fitness(network, others, measure)))
        tell(epochs[-1])
        if epochs[-1].held_out.loss < best.loss:
            best, best_epoch = epochs[-1].held_out, number
            weights = {name: value.clone() for name, value in network.state_dict().items()}
        if number - best_epoch >= settings.patience:
            break
    network.load_state_dict(weights)
    return Cloned(network, best, epochs)


def exported(network: nn.Module, columns: Columns, name: str, origin: dict[str, Any]) -> ExportedPolicy:
    """A network as a policy that needs no torch."""
    if isinstance(network, CandidateScorer):
        return NumpyPolicy.from_torch(network, columns.names, name=name, origin=origin)
    assert isinstance(network, LinearScorer)
    weight = network.row.weight.detach().numpy().T
    return LinearPolicy(
        LinearWeights(np.array(weight, np.float32, order="C")), columns.names, columns.allowed, name, origin
    )


def fitness(network: nn.Module, tensors: Tensors, measure: Measure, batch_size: int = 8192) -> Fitness:
    """How well a network does on decisions."""
    loss = right = 0.0
    with torch.no_grad():
        for observation, legal, action, costs in zip(*(part.split(batch_size) for part in tensors), strict=True):
            scores = network(observation).masked_fill(~legal, FORBIDDEN_SCORE)
            loss += float(measure(scores, action, costs).sum())
            right += float((scores.argmax(1) == action).sum())
    n = len(tensors[2])
    return Fitness(loss / n, right / n)


def _cross_entropy(scores: torch.Tensor, action: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(scores, action, reduction="none")


def _expected_cost(scores: torch.Tensor, _: torch.Tensor, costs: torch.Tensor) -> torch.Tensor:
    """Seconds above the cheapest answer, if answers are drawn with the probabilities that the scores give them."""
    return (torch.softmax(scores, 1) * costs).sum(1)


MEASURES: dict[str, Measure] = {"answers": _cross_entropy, "costs": _expected_cost}
"""What is made small, by its name in `Settings.by`: (scores, answers, costs) to a number for each decision."""


def _pass(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    tensors: Tensors,
    order: torch.Tensor,
    settings: Settings,
) -> float:
    """Goes once over all decisions; their mean loss, each before its step."""
    total, measure = 0.0, MEASURES[settings.by]
    for batch in order.split(settings.batch_size):
        observation, legal, action, costs = (part[batch] for part in tensors)
        loss = measure(network(observation).masked_fill(~legal, FORBIDDEN_SCORE), action, costs).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += float(loss.detach()) * len(batch)
    return total / len(order)


def _tensors(decisions: Decisions) -> Tensors:
    """Observations, legal answers, answers, and what each costs above the cheapest; 0 for what is not legal."""
    observations, legal, actions, costs_s = decisions
    if costs_s.shape[1]:
        costs_s = np.nan_to_num(costs_s - np.nanmin(costs_s, axis=1, keepdims=True)).astype(np.float32)
    return tuple(torch.from_numpy(np.ascontiguousarray(array)) for array in (observations, legal, actions, costs_s))


def _network(columns: Columns, settings: Settings) -> nn.Module:
    if settings.policy not in RATES:
        raise TrainingError(f"--policy {settings.policy}: allowed: {', '.join(RATES)}")
    if settings.policy == "CandidatePolicy":
        return CandidateScorer(len(columns.names), settings.width, columns.actions_per_row, columns.allowed)
    if columns.actions_per_row != 1:
        raise TrainingError(
            f"--policy LinearPolicy: it has one action for each row, here there are {columns.actions_per_row}; allowed:"
            " CandidatePolicy"
        )
    return LinearScorer(len(columns.names))
