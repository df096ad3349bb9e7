"""A world through which news spreads along friendships: whoever hears of something asks what to make of it."""

import numpy as np

from agentsim_env.fields.base import PositiveNumber
from agentsim_env.workload.families.agent_world import AgentWorldParams, draw_world
from agentsim_env.workload.families.call_plan import CallPlan, Recorder, side_by_side
from agentsim_env.workload.families.world_independent import Share
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams


class WorldDiffusionParams(AgentWorldParams):
    """Distance is the number of hops from the source of a piece of news, breadth first [N: ScaleSim].

    News begins with an agent at random and goes one hop further with each step. Each piece reaches every agent that
    there is a way to.
    """

    active_share: Share = 0.2
    """Agents that call in a step [N: a setting of ScaleSim's evaluation]: so many pieces of news a step begin."""

    friends: PositiveNumber = 6
    """Friends of an agent on average [A]; each names half of them at random."""


def random_friends(n: int, friends: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(first, friend): friends of agent a are `friend[first[a]:first[a + 1]]`; friendship is mutual."""
    named = -(-friends // 2)
    one = np.repeat(np.arange(n), named)
    other = rng.integers(0, n, n * named)
    one, other = np.concatenate([one, other]), np.concatenate([other, one])
    order = np.argsort(one, kind="stable")
    return np.searchsorted(one[order], np.arange(n + 1)), other[order]


def hops_from(source: int, first: np.ndarray, friend: np.ndarray) -> np.ndarray:
    """Hops from an agent to each, breadth first; inf where there is no way."""
    hops = np.full(len(first) - 1, np.inf)
    hops[source] = 0.0
    front, k = np.array([source]), 0.0
    while len(front):
        k += 1.0
        lengths = first[front + 1] - first[front]
        at = np.repeat(first[front] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        front = np.unique(friend[at])
        front = front[np.isinf(hops[front])]
        hops[front] = k
    return hops


def plan_diffusion(params: WorldDiffusionParams, n: int, rng: np.random.Generator) -> CallPlan:
    """The calls of `n` agents of one world."""
    first, friend = random_friends(n, params.friends, rng)
    recorder = Recorder(n, params.steps)
    lead = int(np.ceil(2.0 / params.active_share))
    pieces: list[np.ndarray] = []  # step in which each piece of news on its way reaches each agent
    begun = rng.random()
    for step in range(-lead, params.steps):
        begun += params.active_share
        if begun >= 1.0:
            begun -= 1.0
            pieces.append(step + hops_from(int(rng.integers(n)), first, friend))
        reached = np.array(pieces) if pieces else np.full((1, n), np.inf)
        recorder.report(step, np.where(reached >= step, reached, np.inf).min(axis=0))
        recorder.call(step, np.flatnonzero((reached == step).any(axis=0)))
        pieces = [piece for piece in pieces if np.where(np.isinf(piece), -np.inf, piece).max() > step]
    return recorder.plan(rng)


def draw(params: WorldDiffusionParams, n: int, streams: Streams) -> Shapes:
    """Draws `n` agents."""
    sizes = np.bincount(params.societies(n)).tolist()
    plans = [plan_diffusion(params, size, streams.shapes) for size in sizes]
    return draw_world(params, n, side_by_side(plans, sizes), streams)
