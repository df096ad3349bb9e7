"""Parameters that families have in common."""

from functools import cached_property
from typing import ClassVar

import numpy as np

from agentsim_env.fields.base import Amount, ContextTokens, Part, PositiveAmount, Text, Variants, WholeNumber
from agentsim_env.limits import MOST_TURNS
from agentsim_env.workload.cached import CachedPart
from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.shapes import Forest
from agentsim_env.workload.validation import InvalidProgramsError

USER = "user"


class ToolKind(Part):
    """A kind of tool that an agent calls between two turns."""

    name: Text
    """Name; `user` is kept for the answers of a user."""

    share: PositiveAmount
    """Share of the calls, relative to the other kinds."""

    gap_s: Distribution
    """Run time of one attempt."""


class FamilyParams(CachedPart):
    """What every family has: what its programs share, and how long a context can be."""

    reports: ClassVar[bool] = False
    """Whether its programs say when they call next."""

    system_tokens: WholeNumber
    """System prompt, the same for all programs."""

    n_variants: Variants = 1
    """Agent configurations, each with its own tool schemas after the common system prompt."""

    variant_skew: Amount = 0.0
    """Exponent of a Zipf law over the configurations; 0: all equally frequent."""

    tool_schema_tokens: Distribution
    """Tool schemas. Not drawn: configuration i of n has the value at rank (i + 1/2) / n."""

    context_limit_tokens: ContextTokens = 131_072
    """Longest context, prompt and output. A context that would outgrow it is compacted. Default: Llama 3.1's."""

    @cached_property
    def forest(self) -> Forest:
        """What programs share: the system prompt, and below it the tool schemas of each configuration."""
        ranks = [(i + 0.5) / self.n_variants for i in range(self.n_variants)]
        ends = [self.system_tokens + round(self.tool_schema_tokens.quantile(rank)) for rank in ranks]
        return Forest((-1,) + (0,) * self.n_variants, (self.system_tokens, *ends))

    @cached_property
    def node_tokens(self) -> np.ndarray:
        """Tokens on the path to each node of `forest`."""
        return np.array(self.forest.end_tokens, np.int64)

    @property
    def tool_names(self) -> tuple[str, ...]:
        """Tools that the edges of a draw refer to."""
        raise NotImplementedError

    @cached_property
    def _variant_ranks(self) -> np.ndarray:
        weights = np.arange(1, self.n_variants + 1) ** -self.variant_skew
        return np.cumsum(weights)[:-1] / weights.sum()

    @staticmethod
    def check_turns(total: int) -> None:
        """Refuses, before memory is taken for them, more turns than an episode may have."""
        if total > MOST_TURNS:
            raise InvalidProgramsError(
                f"the programs have {total:,} turns together; at most {MOST_TURNS:,}: each takes memory"
            )

    def draw_nodes(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Node of `forest` that each of `n` programs starts from."""
        if self.n_variants == 1:
            return np.ones(n, np.int64)
        return self._variant_ranks.searchsorted(rng.random(n)) + 1
