"""Agents that think, call a tool and read its answer, again and again (ReAct): AgentServe's ToolBench tasks."""

from typing import Annotated

from pydantic import Field

from agentsim_env.fields.base import Variants, WholeNumber
from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.families.chain import ChainParams, draw_chains
from agentsim_env.workload.families.parameters import ToolKind
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams

TOOLS = (ToolKind(name="api", share=1.0, gap_s=Distribution(value=0.2)),)


class ReactParams(ChainParams):
    """Sizes of AgentServe's Table I [N: AgentServe]; what it does not give is as in the reproduction [V: OneKV].

    Between the ends of a range the form is ours: log-normal pieces with the mean as given, the median and the 5th
    percentile chosen such that few values lie on the ends.
    """

    system_tokens: WholeNumber = 120
    """System prompt: 590 characters, the same for all tasks [V: OneKV]."""

    tool_schema_tokens: Distribution = Distribution(value=0)
    """Each task brings tools of its own: they are in the first message [V: OneKV]."""

    n_variants: Variants = 1
    """One agent configuration."""

    turns: Distribution = Distribution(values=(3, 4, 5))
    """Two to four calls of tools [V: OneKV, trace-gen.yaml]; its twelve tasks have 4.3 turns on average."""

    first_tokens: Distribution = Distribution(p5=2_440, p95=3_320, min=2_380, max=3_380)
    """Tool descriptions and task: a cold prefill of 2,500 to 3,500 tokens with the system prompt [N: AgentServe]."""

    tools: Annotated[tuple[ToolKind, ...], Field(strict=False)] = TOOLS
    """A simulated call takes 200 ms, or nothing in the later runs [V: OneKV]; the paper's is not known to us."""

    tool_append_tokens: Distribution = Distribution(p5=31, p50=51, mean=56, min=30, max=127)
    """Resume prefill, 30 to 127 tokens, mean 56 [N: AgentServe]."""

    output_tokens: Distribution = Distribution(p5=28, p50=36, mean=38, min=27, max=99)
    """Decode, 27 to 99 tokens [N: AgentServe]; mean 37 to 45 by model, 38 with Qwen2.5-3B [V: OneKV]."""


def draw(params: ReactParams, n: int, streams: Streams) -> Shapes:
    """Draws `n` programs."""
    return draw_chains(params, n, streams)
