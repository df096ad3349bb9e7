"""Workflows of agents that are run again and again (KVFlow, arXiv 2507.07400): who waits for whom says who is next."""

from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from agentsim_env.fields.base import PositiveNumber, WholeNumber
from agentsim_env.fields.problems import not_allowed
from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.families.agent_world import AgentWorldParams, draw_world
from agentsim_env.workload.families.call_plan import CallPlan, Recorder
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams

Edge = Annotated[tuple[WholeNumber, WholeNumber], Field(strict=False)]


class WorkflowParams(AgentWorldParams):
    """Each world is one workflow of `society_size` agents, each of which calls once in each round.

    An agent calls when all agents before it have (AND), or, one of `or_joins`, when the first of them has. Distance is
    the number of steps to its execution: one more than the latest of those before it, at an OR one more than the
    earliest [N: KVFlow].
    """

    steps: PositiveNumber = 50
    """Steps; of the sequential workflow of ten agents five rounds [A]."""

    society_size: PositiveNumber | None = 10
    """Agents of a workflow [N: KVFlow]."""

    edges: Annotated[tuple[Edge, ...], Field(strict=False)] | None = None
    """(agent, one that comes after it), agents counted from 0, the earlier one first; `null`: one after the other."""

    or_joins: Annotated[tuple[WholeNumber, ...], Field(strict=False)] = ()
    """Agents that wait for one of those before them only."""

    prefix_tokens: Distribution = Distribution(value=8_192)
    """Fixed part of a prompt [N: KVFlow]."""

    fresh_tokens: Distribution = Distribution(value=32)
    """Dynamic part of a prompt [N: KVFlow]."""

    output_tokens: Distribution = Distribution(value=32)
    """Output [N: KVFlow]."""

    @model_validator(mode="after")
    def _graph_is_one(self) -> Self:
        size = self.society_size
        if size is None:
            raise not_allowed("must be given: the agents of one workflow", size, ["society_size"])
        for i, (one, other) in enumerate(self.edges or ()):
            if not one < other < size:
                reason = f"must lead from an agent to a later one, of {size} counted from 0"
                raise not_allowed(reason, [one, other], ["edges", i])
        for i, agent in enumerate(self.or_joins):
            if agent >= size:
                raise not_allowed(f"must be an agent, of {size} counted from 0", agent, ["or_joins", i])
        return self

    @property
    def parents(self) -> list[list[int]]:
        """Agents that each agent of a workflow waits for."""
        size = self.society_size or 1
        edges = self.edges if self.edges is not None else [(agent, agent + 1) for agent in range(size - 1)]
        return [[one for one, other in edges if other == agent] for agent in range(size)]


def steps_to_execution(parents: Sequence[Sequence[int]], or_joins: Sequence[int]) -> list[int]:
    """Steps until each agent is executed, as a workflow begins.

    Args:
        parents: Agents that each one waits for, all of them before it.
        or_joins: Agents that wait for the first of these only.
    """
    steps: list[int] = []
    for agent, before in enumerate(parents):
        join = min if agent in or_joins else max
        steps.append(join((steps[parent] for parent in before), default=-1) + 1)
    return steps


def plan_workflows(params: WorkflowParams, n: int, rng: np.random.Generator) -> CallPlan:
    """The calls of `n` agents, `society_size` to a workflow; of the last one only the first agents, if that is few."""
    size = params.society_size or n
    within = np.array(steps_to_execution(params.parents, params.or_joins), float)
    round_steps = within.max() + 1.0
    next_call = within[np.arange(n) % size]
    recorder = Recorder(n, params.steps)
    for step in range(params.steps):
        recorder.report(step, next_call)
        calling = np.flatnonzero(next_call == step)
        recorder.call(step, calling)
        next_call[calling] += round_steps
    return recorder.plan(rng)


def draw(params: WorkflowParams, n: int, streams: Streams) -> Shapes:
    """Draws `n` agents."""
    return draw_world(params, n, plan_workflows(params, n, streams.shapes), streams)
