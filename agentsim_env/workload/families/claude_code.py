"""A developer's day with Claude Code: long sessions, started afresh or resumed, with human pauses and compactions."""

from functools import cached_property
from typing import Annotated

from pydantic import Field

from agentsim_env.fields.base import Probability, Variants, WholeNumber
from agentsim_env.workload.curves import Curve, CurveTable
from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.families import tracelab
from agentsim_env.workload.families.chain import ChainParams, draw_turns
from agentsim_env.workload.families.parameters import ToolKind
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams


class ClaudeCodeParams(ChainParams):
    """Statistics of the claude_code_weka trace, 692 conversations with 45,542 requests, computed by us [C].

    Prompts of that trace go to 894 k tokens; ours are cut to what `context_limit_tokens` holds, so that contexts are
    shorter and compacted more often.
    """

    system_tokens: WholeNumber = 0
    """There are 306 system prompts in 692 conversations: nothing that all share."""

    tool_schema_tokens: Distribution = Distribution(p5=10_067, p25=12_946, p50=14_992, p75=15_463, p95=16_799)
    """System prompt and tool schemas of a configuration. Mean 14.4 k."""

    n_variants: Variants = 28
    """83 sets of tool schemas, two conversations having the same one as often as with 28 equally frequent ones."""

    turns: Distribution = Distribution(p5=7, p25=29, p50=68, p75=119, p95=245, max=514)
    """LLM calls of a conversation that starts afresh. Mean 86.7 measured; with the resumed ones 65.8."""

    resumed_share: Probability = 0.442
    """Share of conversations that start with the context of an earlier one."""

    resumed_turns: Distribution = Distribution(p5=4, p25=11, p50=25, p75=50.5, p95=132, max=514)
    """LLM calls of a resumed conversation. Mean 39.4 measured."""

    first_tokens: Distribution = Distribution(p5=434, p25=2_697, p50=3_811, p75=5_216, p95=11_723, min=1)
    """First prompt of a fresh conversation without what is shared. Mean 4.4 k measured."""

    resumed_tokens: Distribution = Distribution(p5=33_262, p25=56_769, p50=103_986, p75=238_174, max=83_000)
    """First prompt of a resumed conversation without what is shared, cut to what a smaller context would have left of
    it: three quarters of it with what is shared, as compactions come at 150 k of 200 k tokens in the median."""

    tools: Annotated[tuple[ToolKind, ...], Field(strict=False)] = tracelab.KINDS
    """Kinds of TraceLab [V]: the trace does not name tools."""

    tool_gap_s: Distribution | None = Distribution(p5=3, p25=5, p50=9, p75=20, p90=76, p95=164, p99=907, max=3_600)
    """Time before a turn with a tool result, in whole seconds and with permission prompts in it: longer than tools
    alone. Cut at an hour: mean 53 s, measured 93."""

    tool_append_tokens: Distribution = Distribution(p25=44, p50=297, p75=1_048, p90=3_092, p95=5_902, p99=16_526, min=1)
    """Growth of the prompt before a turn with a tool result, without the output before it; at least 1. Mean 1,475
    measured."""

    user_share: Annotated[float, Field(ge=0, le=1)] = 0.155
    """Turns that begin with text of the user."""

    user_append_tokens: Distribution = Distribution(p25=53, p50=196, p75=665, p90=2_068, p95=4_408, p99=13_320, min=1)
    """Growth of the prompt before a turn with text of the user. Mean 1,045 measured."""

    user_gap_s: Distribution = Distribution(p5=9, p25=39, p50=122, p75=391, p90=1_414, p95=3_012, max=3_600)
    """Time before a turn with text of the user. Cut at an hour, as TraceLab does for human waits: mean 471 s, measured
    575."""

    output_tokens: Distribution = Distribution(
        p5=88, p25=138, p50=217, p75=429, p90=894, p95=1_528, p99=3_678, min=1, max=18_195
    )
    """Mean 439 measured."""

    compaction_probability: Probability = 0.0011
    """Compactions or restarts (prompt down by more than 30 %) are 0.56 % of the requests; 19 % of them came before
    130 k tokens and so not from a full context. The others come about by `context_limit_tokens`."""

    rewrite_probability: Probability = 0.0117
    """Requests that share less than half of the prompt before them and yet are not shorter by 30 %."""

    @property
    def resumed_row(self) -> int:
        """Row of `append_table` for the context of a resumed conversation."""
        return self.compacted_row + 1

    @property
    def append_curves(self) -> list[Curve]:
        """What turns append, by what has led to them."""
        return [*super().append_curves, self.resumed_tokens.curve]

    @cached_property
    def turns_table(self) -> CurveTable:
        """Turns of fresh and of resumed conversations, ready to be sampled."""
        return CurveTable([self.turns.curve, self.resumed_turns.curve])


def draw(params: ClaudeCodeParams, n: int, streams: Streams) -> Shapes:
    """Draws `n` programs."""
    resumed = (streams.shapes.random(n) < params.resumed_share).astype(int)
    n_turns = params.turns_table.counts(streams.shapes.standard_normal(n), resumed)
    first_row = params.first_row + resumed * (params.resumed_row - params.first_row)
    return draw_turns(params, n_turns, first_row, streams)
