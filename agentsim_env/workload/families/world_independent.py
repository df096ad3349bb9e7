"""A world whose agents do not meet, as in AgentSociety: each acts for some steps, then asks what to do next."""

from typing import Annotated

import numpy as np
from pydantic import Field

from agentsim_env.fields.base import Variation
from agentsim_env.workload.families.agent_world import AgentWorldParams, draw_world
from agentsim_env.workload.families.call_plan import CallPlan, Recorder
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams

Share = Annotated[float, Field(gt=0, le=1)]


class WorldIndependentParams(AgentWorldParams):
    """Distance is what is left of the current action [N: ScaleSim].

    An action takes `1 / active_share` steps on average: one and a Gamma variable.
    """

    active_share: Share = 0.2
    """Agents that call in a step [N: a setting of ScaleSim's evaluation]."""

    action_cv: Variation = 1.0
    """Coefficient of variation of what an action takes beyond its first step [A]."""


def draw_steps(mean: float, cv: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Lengths of `n` actions in whole steps, at least 1, with such a mean."""
    if mean <= 1.0:
        return np.ones(n)
    shape = cv**-2.0
    beyond = rng.standard_gamma(shape, n) / shape * (mean - 1.0)
    return 1.0 + np.floor(beyond + rng.random(n))


def plan_independent(params: WorldIndependentParams, n: int, rng: np.random.Generator) -> CallPlan:
    """The calls of `n` agents of one world, which has been going on for a while before step 0."""
    mean = 1.0 / params.active_share
    recorder = Recorder(n, params.steps)
    lead = int(np.ceil(3.0 * mean))
    next_call = -lead - 1.0 + np.ceil(mean * rng.random(n))
    for step in range(-lead, params.steps):
        recorder.report(step, next_call)
        calling = np.flatnonzero(next_call <= step)
        recorder.call(step, calling)
        next_call[calling] = step + draw_steps(mean, params.action_cv, len(calling), rng)
    return recorder.plan(rng)


def draw(params: WorldIndependentParams, n: int, streams: Streams) -> Shapes:
    """Draws `n` agents."""
    # Agents that do not meet need no world of their own to be drawn in.
    return draw_world(params, n, plan_independent(params, n, streams.shapes), streams)
