"""Interactive chat of a few quick turns: the profile that llm-d benchmarks routers with."""

from typing import Annotated

from pydantic import Field

from agentsim_env.fields.base import Variants, WholeNumber
from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.families.chain import ChainParams, draw_chains
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams


class InteractiveChatParams(ChainParams):
    """What a generator draws, not a measurement.

    Source [V: llm-d]: llm-d-benchmark, workload/profiles/inference-perf/interactive-chat.yaml.in @ 8bc9f1dd.
    """

    system_tokens: WholeNumber = 1_000
    """Shared prefix [V: llm-d]."""

    tool_schema_tokens: Distribution = Distribution(value=0)
    """No tools."""

    n_variants: Variants = 1
    """One service."""

    turns: Distribution = Distribution(mean=4, sd=2.5, min=1, max=15)
    """[V: llm-d]."""

    first_tokens: Distribution = Distribution(mean=4_000, sd=2_500, min=1)
    """Context of the session [V: llm-d]."""

    user_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Nothing but user turns."""

    user_append_tokens: Distribution = Distribution(mean=50, sd=40, min=1)
    """[V: llm-d]."""

    user_gap_s: Distribution = Distribution(mean=45, sd=40, min=5, max=300)
    """[V: llm-d]."""

    output_tokens: Distribution = Distribution(p5=53, p25=199, p50=300, p75=401, p95=547, p99=649, min=1)
    """Percentiles of a normal distribution with mean 300 and sd 150 [V: llm-d]."""


def draw(params: InteractiveChatParams, n: int, streams: Streams) -> Shapes:
    """Draws `n` programs."""
    return draw_chains(params, n, streams)
