"""Chat with a service agent that calls local tools: tau-bench, as an example of the BFCL class."""

from typing import Annotated

from pydantic import Field

from agentsim_env.fields.base import Variants, WholeNumber
from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.families.chain import ChainParams, draw_chains
from agentsim_env.workload.families.parameters import ToolKind
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams

TOOLS = (ToolKind(name="api", share=1.0, gap_s=Distribution(p5=0.01, p95=0.1)),)


class ToolChatParams(ChainParams):
    """tau-bench airline with gpt-4o, 200 trajectories, tokens as characters / 4 [C: tau-bench] unless noted."""

    system_tokens: WholeNumber = 0
    """The domains have nothing in common."""

    tool_schema_tokens: Distribution = Distribution(value=3_660)
    """Policy 1.54 k and the schemas of the 14 airline tools, about 8.5 k characters as compact JSON [C: tau-bench]."""

    n_variants: Variants = 2
    """tau-bench has two domains, airline and retail; retail is taken to be as long."""

    turns: Distribution = Distribution(p50=11, p95=23, max=60)
    """Mean 12.2, measured 12.3."""

    first_tokens: Distribution = Distribution(p50=23, p95=47, min=1)
    """The user's first message, like any other of his."""

    tools: Annotated[tuple[ToolKind, ...], Field(strict=False)] = TOOLS
    """Local API, 0.01-0.1 s [A]."""

    tool_append_tokens: Distribution = Distribution(p25=80, p50=167, p95=313, min=1)
    """Result of a tool. Median and 95th percentile measured, the 25th ours such that the mean is 160 as measured."""

    user_share: Annotated[float, Field(ge=0, le=1)] = 0.53
    """5.8 tool calls in 12.3 LLM calls."""

    user_append_tokens: Distribution = Distribution(p50=23, p95=47, min=1)
    """Message of the user. Mean 25 measured."""

    user_gap_s: Distribution = Distribution(p5=1, p95=3)
    """The user is an LLM, 1-3 s [A]. A person takes longer: median 84 s [V: TraceLab]."""

    output_tokens: Distribution = Distribution(p50=51, p95=153, min=1, max=4_096)
    """Mean 64, measured 62."""


def draw(params: ToolChatParams, n: int, streams: Streams) -> Shapes:
    """Draws `n` programs."""
    return draw_chains(params, n, streams)
