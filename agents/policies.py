"""Stable-Baselines3 policies built from the networks that treat candidates alike.

Each takes `policy_kwargs={"network": network_kwargs(candidates_of(env))}`.
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import nn

from agentsim_env.agents.networks import CandidateCritic, CandidateScorer
from agentsim_env.agents.protocol import Candidates


def network_kwargs(candidates: Candidates, width: int = 64) -> dict[str, int]:
    """What makes the networks fit the rows of an environment.

    Args:
        candidates: How its observations fold into rows.
        width: Units in each layer.
    """
    return {
        "n_features": len(candidates.feature_names),
        "width": width,
        "actions_per_row": candidates.actions_per_row,
        "allowed_feature": candidates.allowed_feature,
    }


class ActorAndCritic(nn.Module):
    """Stands where SB3 has its `MlpExtractor`; the actor's latent code is the scores themselves."""

    def __init__(self, n_features: int, width: int, actions_per_row: int, allowed_feature: int) -> None:
        super().__init__()
        self.scorer = CandidateScorer(n_features, width, actions_per_row, allowed_feature)
        self.critic = CandidateCritic(n_features, width, allowed_feature)
        self.latent_dim_vf = width

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Masked scores and the critic's summary."""
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: torch.Tensor) -> torch.Tensor:
        """Masked scores."""
        return self.scorer.mask(features, self.scorer(features))

    def forward_critic(self, features: torch.Tensor) -> torch.Tensor:
        """The critic's summary."""
        return self.critic(features)


class _CandidateActorCritic:
    """What the policies of PPO, A2C and MaskablePPO have in common."""

    def __init__(self, *args: Any, network: dict[str, int], **kwargs: Any) -> None:
        self.network = network
        super().__init__(*args, **kwargs)

    def _build(self: Any, lr_schedule: Schedule) -> None:
        self.mlp_extractor = ActorAndCritic(**self.network)
        self.action_net = nn.Identity()
        self.value_net = nn.Linear(self.mlp_extractor.latent_dim_vf, 1)
        # Gains as in SB3: a small last layer makes the first policy nearly uniform.
        gains = {self.mlp_extractor: np.sqrt(2), self.mlp_extractor.scorer.head: 0.01, self.value_net: 1.0}
        for module, gain in gains.items():
            module.apply(partial(self.init_weights, gain=gain))
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)

    def _get_constructor_parameters(self: Any) -> dict[str, Any]:
        return super()._get_constructor_parameters() | {"network": self.network}  # type: ignore[misc]

    @property
    def scorer(self: Any) -> CandidateScorer:
        """The network that chooses the actions."""
        return self.mlp_extractor.scorer


class CandidatePolicy(_CandidateActorCritic, ActorCriticPolicy):
    """Policy for PPO and A2C."""


class MaskableCandidatePolicy(_CandidateActorCritic, MaskableActorCriticPolicy):
    """Policy for MaskablePPO; the masks come from the environment's `action_masks()`."""


class CandidateQNetwork(QNetwork):
    """Action values: the value of the state plus centred scores (dueling, arXiv 1511.06581)."""

    def __init__(self, *args: Any, network: dict[str, int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.q_net = nn.Sequential()
        self.scorer = CandidateScorer(**network)
        self.critic = CandidateCritic(network["n_features"], network["width"], network["allowed_feature"])
        self.value_net = nn.Linear(network["width"], 1)

    def forward(self, obs: PyTorchObs) -> torch.Tensor:
        """Action values (batch, actions).

        Forbidden actions have a value too: the environment answers them by its default rule.
        """
        features = self.extract_features(obs, self.features_extractor)
        scores = self.scorer(features)
        return self.value_net(self.critic(features)) + scores - scores.mean(dim=1, keepdim=True)

    def _predict(self, observation: PyTorchObs, deterministic: bool = True) -> torch.Tensor:
        features = self.extract_features(observation, self.features_extractor)
        return self.scorer.mask(features, self.scorer(features)).argmax(dim=1)


class CandidateDQNPolicy(DQNPolicy):
    """Policy for DQN."""

    def __init__(self, *args: Any, network: dict[str, int], **kwargs: Any) -> None:
        self.network = network
        super().__init__(*args, **kwargs)

    def make_q_net(self) -> QNetwork:
        """The online or the target network."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return CandidateQNetwork(**arguments, network=self.network).to(self.device)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | {"network": self.network}

    @property
    def scorer(self) -> CandidateScorer:
        """The network that chooses the actions."""
        assert isinstance(self.q_net, CandidateQNetwork)
        return self.q_net.scorer
