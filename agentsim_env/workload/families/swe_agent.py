"""Coding agents with a large model, which take more and longer turns: Claude Code with GLM-4.7 on SWE-rebench."""

from typing import Annotated

from pydantic import Field

from agentsim_env.fields.base import Variants, WholeNumber
from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.families.chain import ChainParams, draw_chains
from agentsim_env.workload.families.parameters import ToolKind
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams

TOOLS = (
    ToolKind(name="file", share=0.62, gap_s=Distribution(ln_mean=-3.80, ln_sd=0.66)),
    ToolKind(name="shell", share=0.38, gap_s=Distribution(ln_mean=1.83, ln_sd=1.04)),
)


class SweAgentParams(ChainParams):
    """SWE-rebench with Claude Code and GLM-4.7, AgentCgroup data set unless noted."""

    system_tokens: WholeNumber = 2_783
    """Mean of Claude Code's system prompts [C: claude_code_weka]."""

    tool_schema_tokens: Distribution = Distribution(value=9_117)
    """What is left of the first prompt, 13.4 k [C: agentcgroup], without system prompt and first message."""

    n_variants: Variants = 1
    """One agent configuration, as in the runs that were measured."""

    turns: Distribution = Distribution(ln_mean=3.75, ln_sd=0.63, max=300)
    """Mean 51 measured, 52 of this fit [C: agentcgroup]."""

    first_tokens: Distribution = Distribution(p50=1_500, ln_sd=0.68, min=1, max=60_000)
    """As in `coding_agent`."""

    tools: Annotated[tuple[ToolKind, ...], Field(strict=False)] = TOOLS
    """The two parts of the measured mixture [C: agentcgroup]; that they are file tools and the shell is our reading."""

    tool_append_tokens: Distribution = Distribution(p50=409, p95=2_388, mean=844, min=1)
    """Result of a tool [C: agentcgroup]; the tail above the 95th percentile is such that the mean is met."""

    output_tokens: Distribution = Distribution(ln_mean=5.09, ln_sd=0.94, min=1, max=16_384)
    """[C: agentcgroup]."""


def draw(params: SweAgentParams, n: int, streams: Streams) -> Shapes:
    """Draws `n` programs."""
    return draw_chains(params, n, streams)
