"""Networks that treat candidates alike: one set of weights for every row of the observation.

A row is embedded by itself; the mean and the maximum over the embeddings of all rows that may be chosen are what a row
knows of the others. Permuting the rows therefore permutes the scores, and the same weights serve any number of rows
(Deep Sets, arXiv 1703.06114).
"""

import torch
from torch import nn

FORBIDDEN_SCORE = -1e8  # as in sb3-contrib's maskable distributions: e**-1e8 is 0, and 0 * -1e8 is still finite


class RowEmbedding(nn.Module):
    """Embeds each row and pools the embeddings over the allowed rows.

    Args:
        n_features: Features in a row.
        width: Units in each layer.
        allowed_feature: Column that is > 0 in rows that may be chosen; -1: all rows may be.
    """

    def __init__(self, n_features: int, width: int, allowed_feature: int = -1) -> None:
        super().__init__()
        self.n_features = n_features
        self.allowed_feature = allowed_feature
        self.layers = nn.Sequential(nn.Linear(n_features, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())

    def rows(self, observation: torch.Tensor) -> torch.Tensor:
        """Folds flat observations (batch, rows * features) to (batch, rows, features)."""
        return observation.reshape(observation.shape[0], -1, self.n_features)

    def allowed(self, rows: torch.Tensor) -> torch.Tensor:
        """Mask (batch, rows) of the rows that may be chosen; all of them where none is marked."""
        if self.allowed_feature < 0:
            return torch.ones(rows.shape[:2], dtype=torch.bool, device=rows.device)
        mask = rows[:, :, self.allowed_feature] > 0
        return mask | ~mask.any(dim=1, keepdim=True)

    def forward(self, rows: torch.Tensor, allowed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings (batch, rows, width) and their pool (batch, 2 * width)."""
        embedded = self.layers(rows)
        if self.allowed_feature < 0:
            return embedded, torch.cat([embedded.mean(dim=1), embedded.amax(dim=1)], dim=1)
        # ReLU outputs are never negative, so zeroed rows change neither the sum nor the maximum
        kept = embedded * allowed.unsqueeze(2)
        mean = kept.sum(dim=1) / allowed.sum(dim=1, keepdim=True)
        return embedded, torch.cat([mean, kept.amax(dim=1)], dim=1)


class CandidateScorer(nn.Module):
    """Scores every action from its row and the pool of all rows.

    Args:
        n_features: Features in a row.
        width: Units in each layer.
        actions_per_row: Actions that belong to one row; they are numbered row by row.
        allowed_feature: See `RowEmbedding`.
    """

    def __init__(self, n_features: int, width: int, actions_per_row: int = 1, allowed_feature: int = -1) -> None:
        super().__init__()
        self.embedding = RowEmbedding(n_features, width, allowed_feature)
        self.context = nn.Linear(2 * width, width)
        self.row = nn.Linear(width, width, bias=False)
        self.head = nn.Linear(width, actions_per_row)

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Scores (batch, actions) of flat observations, those of rows that may not be chosen included."""
        rows = self.embedding.rows(observation)
        embedded, pool = self.embedding(rows, self.embedding.allowed(rows))
        hidden = torch.relu(self.row(embedded) + self.context(pool).unsqueeze(1))
        return self.head(hidden).flatten(1)

    def mask(self, observation: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores with those of forbidden rows set to `FORBIDDEN_SCORE`."""
        if self.embedding.allowed_feature < 0:
            return scores
        allowed = self.embedding.allowed(self.embedding.rows(observation))
        return scores.masked_fill(~allowed.repeat_interleave(self.head.out_features, dim=1), FORBIDDEN_SCORE)


class CandidateCritic(nn.Module):
    """Summary of the whole observation for a value head: (batch, width).

    Args:
        n_features: Features in a row.
        width: Units in each layer.
        allowed_feature: See `RowEmbedding`.
    """

    def __init__(self, n_features: int, width: int, allowed_feature: int = -1) -> None:
        super().__init__()
        self.embedding = RowEmbedding(n_features, width, allowed_feature)
        self.summary = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU())

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Summaries of flat observations."""
        rows = self.embedding.rows(observation)
        _, pool = self.embedding(rows, self.embedding.allowed(rows))
        return self.summary(pool)
