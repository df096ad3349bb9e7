"""Deep research: many page extracts, slow web tools, a long report at the end."""

from typing import Annotated

from pydantic import Field

from agentsim_env.fields.base import Variants, WholeNumber
from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.families.chain import ChainParams, draw_chains
from agentsim_env.workload.families.parameters import ToolKind
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams

TOOLS = (ToolKind(name="web", share=1.0, gap_s=Distribution(p25=2.2, p50=5.8, p90=62, p99=260, max=600)),)


class DeepResearchParams(ChainParams):
    """Run times are TraceLab's; the rest is assumed.

    No public trace has it. Ranges marked [A] are taken as 5th and 95th percentile.
    """

    system_tokens: WholeNumber = 1_000
    """System prompt and tools are 2-4 k [A]."""

    tool_schema_tokens: Distribution = Distribution(value=2_000)
    """System prompt and tools are 2-4 k [A]."""

    n_variants: Variants = 1
    """One agent configuration."""

    turns: Distribution = Distribution(p5=20, p95=60, min=2, max=100)
    """20-60 [A]."""

    first_tokens: Distribution = Distribution(p50=150, ln_sd=0.5, min=1)
    """A question of a paragraph [A]."""

    tools: Annotated[tuple[ToolKind, ...], Field(strict=False)] = TOOLS
    """Web search and page fetch [V: TraceLab], cut at ten minutes."""

    tool_append_tokens: Distribution = Distribution(p5=2_000, p95=10_000, min=1)
    """Extract of a page, 2-10 k [A]."""

    output_tokens: Distribution = Distribution(p5=300, p95=800, min=1)
    """Reasoning and the next call, 300-800 [A]."""

    final_output_tokens: Distribution | None = Distribution(p5=3_000, p95=8_000, min=1)
    """Report, 3-8 k [A]."""


def draw(params: DeepResearchParams, n: int, streams: Streams) -> Shapes:
    """Draws `n` programs."""
    return draw_chains(params, n, streams)
