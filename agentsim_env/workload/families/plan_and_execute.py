"""Agents that make a plan and carry it out step by step (Plan-and-Execute), on the tasks of `react`."""

from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.families.chain import draw_chains
from agentsim_env.workload.families.react import ReactParams
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams


class PlanAndExecuteParams(ReactParams):
    """The same tasks, tools and number of turns as in `react`; more is read and written in each turn."""

    tool_append_tokens: Distribution = Distribution(p50=243, mean=251, min=125, max=421)
    """Resume prefill, 125 to 421 tokens, mean 251 [N: AgentServe]."""

    output_tokens: Distribution = Distribution(p5=43, p50=55, mean=58, min=41, max=125)
    """Decode, 41 to 125 tokens [N: AgentServe]; mean 55 to 64 by model, 58 with Qwen2.5-3B [V: OneKV]."""


def draw(params: PlanAndExecuteParams, n: int, streams: Streams) -> Shapes:
    """Draws `n` programs."""
    return draw_chains(params, n, streams)
