"""Coding agents that solve one issue each: Claude Code with a small model on SWE-rebench."""

from typing import Annotated

from pydantic import Field

from agentsim_env.fields.base import Variants, WholeNumber
from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.families.chain import ChainParams, draw_chains
from agentsim_env.workload.families.parameters import ToolKind
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams

# Calls of each kind, with their mean run times: AgentCgroup, analysis/haiku_figures/report.md, 33 tasks, 1,100 calls.
# Means are theirs; see the parameters for what else the curves are made of.
TOOLS = (
    # Bash is 37.3 % of the calls, mean 3.76 s. AgentCgroup's second data set (GLM) has 28.2 % of the Bash calls and
    # 44.1 % of the Bash time in test runs: that makes means of 2.93 s without and 5.88 s for test runs. The
    # percentiles are ours, such that the mixture of all kinds meets its own (see `tools` below).
    ToolKind(name="shell", share=0.268, gap_s=Distribution(p25=0.2, p50=1.1, p90=2.2, mean=2.93, max=600)),
    ToolKind(name="test", share=0.105, gap_s=Distribution(p25=0.4, p50=2.2, p90=4.4, mean=5.88, max=600)),
    # Read, Grep and Glob; median of TraceLab's read/search.
    ToolKind(name="search", share=0.387, gap_s=Distribution(p50=0.044, mean=0.313, max=600)),
    # Edit and Write; spread of the lower half of TraceLab's edits.
    ToolKind(name="edit", share=0.123, gap_s=Distribution(p50=0.031, mean=0.0508, max=600)),
    # TodoWrite; spread of the lower half of TraceLab's planning.
    ToolKind(name="planning", share=0.0855, gap_s=Distribution(p50=0.0138, mean=0.0368, max=600)),
    # WebSearch and WebFetch; median of TraceLab's web tools.
    ToolKind(name="web", share=0.0164, gap_s=Distribution(p50=5.8, mean=9.80, max=600)),
    # Task: a sub-agent, here as a tool that takes its time; spread of 59 sub-agents of claude_code_weka.
    ToolKind(name="subagent", share=0.0155, gap_s=Distribution(p50=81.9, mean=100.5, max=600)),
)


class CodingAgentParams(ChainParams):
    """SWE-rebench with Claude Code and haiku, AgentCgroup data set unless noted."""

    system_tokens: WholeNumber = 2_783
    """Mean of Claude Code's system prompts [C: claude_code_weka]; with the tools 15 k [C: agentcgroup]."""

    tool_schema_tokens: Distribution = Distribution(value=12_217)
    """What is left of the 15 k [C: agentcgroup]."""

    n_variants: Variants = 4
    """Agent configurations. A choice, not a measurement [A]: the runs that were measured had one; daily use had 83 sets
    of tool schemas in 692 conversations, as many collisions as 28 equally frequent ones [C: claude_code_weka]."""

    turns: Distribution = Distribution(p50=16, p95=37, max=200)
    """Median and 95th percentile [C: agentcgroup]. Mean 18.2, measured 17.5."""

    first_tokens: Distribution = Distribution(p50=1_500, ln_sd=0.68, min=1, max=60_000)
    """Issue and instructions: a SWE-bench prompt of about 1.5 k [V: LLMServingSim, sample row]; spread of the first
    messages in claude_code_weka, (3.8 k, 11.7 k) at (50 %, 95 %) [C]."""

    tools: Annotated[tuple[ToolKind, ...], Field(strict=False)] = TOOLS
    """Shares and mean run times by kind [C: agentcgroup], medians and spreads of TraceLab's kinds [V]. The mixture has
    p50 0.10, p75 1.1, p95 5.6, p99 84 s; measured 0.06-0.12, 1.0, 5, 73-120."""

    tool_append_tokens: Distribution = Distribution(p50=437, p95=5_748, min=1)
    """Result of a tool [C: agentcgroup]. Mean 1,490, measured 1,492."""

    output_tokens: Distribution = Distribution(ln_mean=4.346, ln_sd=0.94, min=1, max=8_192)
    """Mean 120 [C: agentcgroup, estimated there]; spread of the GLM runs [C: agentcgroup]."""


def draw(params: CodingAgentParams, n: int, streams: Streams) -> Shapes:
    """Draws `n` programs."""
    return draw_chains(params, n, streams)
