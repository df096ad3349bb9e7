"""Programs whose turns follow one another: the parameters and the draw of every family that has such programs."""

from functools import cached_property
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from agentsim_env.fields.base import Probability
from agentsim_env.fields.problems import not_allowed
from agentsim_env.limits import MOST_TURNS_OF_A_PROGRAM
from agentsim_env.workload import curves
from agentsim_env.workload.contexts import Contexts, grow_within
from agentsim_env.workload.curves import Curve, CurveTable
from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.families.parameters import USER, FamilyParams, ToolKind
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams

_NEARLY_ALL = 0.9999
"""Rank of the programs that are looked at for how long they are: what is beyond is drawn once in a while."""


class ChainParams(FamilyParams):
    """Programs whose turns follow one another: an agent that calls tools, or talks to a user, or both."""

    turns: Distribution
    """LLM calls of a program."""

    first_tokens: Distribution
    """First message: task and context that the program does not share."""

    tools: Annotated[tuple[ToolKind, ...], Field(strict=False)] = ()
    """What the agent calls."""

    tool_append_tokens: Distribution = Distribution(value=1)
    """Tokens that the result of a tool appends."""

    tool_gap_s: Distribution | None = None
    """Run time over all tools. When given, every kind keeps the rank of its run times among all calls and takes its
    values from here: the mixture then has this distribution, and slow kinds stay slow."""

    user_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the turns after the first that answer a user rather than a tool."""

    user_append_tokens: Distribution = Distribution(value=1)
    """Tokens of a user's message after the first."""

    user_gap_s: Distribution = Distribution(value=0)
    """Time that a user takes to answer."""

    output_tokens: Distribution
    """Tokens that a turn generates."""

    final_output_tokens: Distribution | None = None
    """Tokens that the last turn generates; `null`: like any other."""

    compaction_probability: Probability = 0.0
    """Chance that a turn after the first starts a compacted context, apart from those that the limit forces."""

    compacted_tokens: Distribution = Distribution(p5=4016, p25=14700, p50=23440, p75=45100, p95=85825)
    """What a compacted context brings beyond system prompt and tool schemas, the turn's own message in it. Default:
    Claude Code, 251 compactions or restarts, mean 34.1 k [C: claude_code_weka]."""

    rewrite_probability: Probability = 0.0
    """Chance that a turn after the first rewrites its context from the end of system prompt and tool schemas on:
    as long as before, but nothing cached of it."""

    @property
    def ranks_kinds(self) -> bool:
        """Whether the run times of the kinds of tools are replaced by others of the same rank."""
        return self.tool_gap_s is not None

    @property
    def tool_names(self) -> tuple[str, ...]:
        """The kinds in order, then the user if there is one."""
        return (*(tool.name for tool in self.tools), *([USER] if self.user_share > 0 else []))

    @cached_property
    def longest_output_tokens(self) -> int:
        """What `context_limit_tokens` leaves to an output beside what is shared and one token of the program's own."""
        return self.context_limit_tokens - max(self.forest.end_tokens) - 1

    @model_validator(mode="after")
    def _kinds_are_usable(self) -> Self:
        names = [tool.name for tool in self.tools]
        if USER in names or len(set(names)) < len(names):
            raise not_allowed(f"names must differ from each other and from {USER!r}", names, ["tools"])
        if not names and self.user_share < 1 and self.turns.quantile(1.0) > 1:
            raise not_allowed("at least one kind unless user_share is 1", names, ["tools"])
        if self.ranks_kinds and any(tool.gap_s.value is not None or tool.gap_s.values for tool in self.tools):
            raise not_allowed("gap_s must be continuous where only its ranks count", names, ["tools"])
        return self

    @model_validator(mode="after")
    def _turns_are_few(self) -> Self:
        most = self.turns.quantile(_NEARLY_ALL)
        if most > MOST_TURNS_OF_A_PROGRAM:
            reason = f"programs of {most:g} turns: must be at most {MOST_TURNS_OF_A_PROGRAM:,}, as each takes memory"
            raise not_allowed(reason, self.turns.model_dump(), ["turns"])
        return self

    @model_validator(mode="after")
    def _context_fits(self) -> Self:
        if self.longest_output_tokens < 1:
            shared = max(self.forest.end_tokens)
            reason = f"must be at least {shared + 2}: system prompt and tool schemas are {shared} tokens"
            raise not_allowed(reason, self.context_limit_tokens, ["context_limit_tokens"])
        return self

    @cached_property
    def gap_curves(self) -> list[curves.Curve]:
        """Run time of each kind of tool, then the user's time."""
        kinds = [tool.gap_s.curve for tool in self.tools]
        if self.tool_gap_s is not None and kinds:
            kinds = curves.ranked_onto(kinds, [tool.share for tool in self.tools], self.tool_gap_s.curve)
        return [*kinds, self.user_gap_s.curve]

    @cached_property
    def gap_table(self) -> CurveTable:
        """`gap_curves`, ready to be sampled."""
        return CurveTable(self.gap_curves)

    @cached_property
    def cause_ranks(self) -> np.ndarray:
        """Upper ends of the kinds' parts of [0, 1); what is above them is the user's."""
        shares = np.array([tool.share for tool in self.tools])
        ranks = np.cumsum(shares) / shares.sum() * (1.0 - self.user_share)
        ranks[-1:] = 1.0 - self.user_share
        return ranks

    @property
    def first_row(self) -> int:
        """Row of `append_table` for the first message; before it, the kinds of tools and the user."""
        return len(self.tools) + 1

    @property
    def compacted_row(self) -> int:
        """Row of `append_table` for a compacted context."""
        return len(self.tools) + 2

    @property
    def append_curves(self) -> list[Curve]:
        """What turns append, by what has led to them."""
        tools = [self.tool_append_tokens.curve] * len(self.tools)
        return [*tools, self.user_append_tokens.curve, self.first_tokens.curve, self.compacted_tokens.curve]

    @cached_property
    def append_table(self) -> CurveTable:
        """`append_curves`, ready to be sampled."""
        return CurveTable(self.append_curves)

    @cached_property
    def output_table(self) -> CurveTable:
        """Output of any turn, then of the last one, no longer than a context can hold."""
        kinds = (self.output_tokens, self.final_output_tokens or self.output_tokens)
        return CurveTable([curves.bounded(kind.curve, 1.0, self.longest_output_tokens) for kind in kinds])

    @cached_property
    def turns_table(self) -> CurveTable:
        """`turns`, ready to be sampled."""
        return CurveTable([self.turns.curve])


def draw_chains(params: ChainParams, n: int, streams: Streams) -> Shapes:
    """Draws `n` programs."""
    n_turns = params.turns_table.counts(streams.shapes.standard_normal(n), 0)
    return draw_turns(params, n_turns, params.first_row, streams)


def draw_turns(params: ChainParams, n_turns: np.ndarray, first_row: np.ndarray | int, streams: Streams) -> Shapes:
    """Draws the turns of programs.

    Args:
        params: Parameters of the family.
        n_turns: Turns of each program.
        first_row: Row of `params.append_table` that the first message comes from, one for all or one per program.
        streams: Random streams.
    """
    ends = n_turns.cumsum()
    params.check_turns(int(ends[-1]))
    total, first, last = int(ends[-1]), ends - n_turns, ends - 1
    leads_on = np.ones(total, bool)
    leads_on[last] = False

    cause = params.cause_ranks.searchsorted(streams.shapes.random(total), side="right")
    source = np.flatnonzero(leads_on)
    target = source + 1
    tool = cause[target]
    gap_s = params.gap_table.sample(streams.gaps, tool)

    cause[first] = first_row
    output_row = 0 if params.final_output_tokens is None else ~leads_on
    output = params.output_table.counts(streams.lengths.standard_normal(total), output_row)
    scores = streams.lengths.standard_normal(total)
    appended = params.append_table.counts(scores, cause)
    node = params.draw_nodes(streams.shapes, len(n_turns))
    contexts = Contexts(first, np.repeat(np.arange(len(n_turns)), n_turns), node)
    prompt, new, contexts = grow_contexts(params, contexts, appended, output, scores, streams.shapes)
    new[first] = prompt[first]
    return Shapes(
        n_turns=n_turns,
        prompt_tokens=prompt,
        new_tokens=new,
        output_tokens=output,
        context=contexts.of,
        context_node=contexts.node,
        edge_source=source,
        edge_target=target,
        edge_tool=tool,
        gap_s=gap_s,
    )


def grow_contexts(
    params: ChainParams,
    contexts: Contexts,
    appended: np.ndarray,
    output: np.ndarray,
    scores: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, Contexts]:
    """Grows contexts turn by turn, with the compactions and rewrites of the family.

    Args:
        params: Parameters of the family.
        contexts: Contexts before compactions and rewrites.
        appended: Tokens that each turn appends; those that are compacted are overwritten.
        output: Tokens that each turn generates.
        scores: Normal scores behind `appended`; a compacted context is as long in its kind as they say.
        rng: Generator for compactions and rewrites.

    Returns:
        Whole prompt and new tokens of each turn (of first turns, those beyond the context's node), and the contexts.
    """

    def compacted(turns: np.ndarray) -> np.ndarray:
        return params.append_table.counts(scores[turns], params.compacted_row)

    def pick(probability: float) -> np.ndarray:
        chosen = rng.random(len(scores)) < probability
        chosen[contexts.first] = False
        return np.flatnonzero(chosen)

    if params.compaction_probability > 0:
        compacts = pick(params.compaction_probability)
        appended[compacts] = compacted(compacts)
        contexts = contexts.cut(compacts)
    base = params.node_tokens[contexts.node]
    prompt, new, cuts = grow_within(params.context_limit_tokens, contexts, base, appended, output, compacted)
    contexts = contexts.cut(cuts)
    if params.rewrite_probability > 0:
        rewrites = pick(params.rewrite_probability)
        new[rewrites] = prompt[rewrites] - params.node_tokens[contexts.node[contexts.of[rewrites]]]
        contexts = contexts.cut(rewrites)
    return prompt, new, contexts
