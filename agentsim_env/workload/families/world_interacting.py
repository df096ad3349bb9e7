"""A world whose agents meet, as in Generative Agents: they walk about a map, and who meets somebody asks what to say.

Time is in steps, space in tiles. This follows the front-end of KVFlow's release (`SpaceManager`, `PlanManager`).
"""

import numpy as np

from agentsim_env.fields.base import PositiveAmount, PositiveNumber, Variation, WholeNumber
from agentsim_env.workload.families.agent_world import AgentWorldParams, draw_world
from agentsim_env.workload.families.call_plan import CallPlan, Recorder, side_by_side
from agentsim_env.workload.families.world_independent import Share, draw_steps
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams

_LEAD_STEPS = 96
"""Steps before step 0, in which the lengths of actions settle."""

_SETTLE_STEPS = 8
"""After so many steps it is looked how many agents have called."""


class WorldInteractingParams(AgentWorldParams):
    """Distance is what is left of the current action, or the time until somebody is met if that is less [N: ScaleSim].

    To meet, two have to come to one place, and to have met nobody for `cooldown_steps` [N: KVFlow]. Who
    meets calls in that step, begins another action and walks to another place, so that what others have said changes.
    """

    active_share: Share = 0.2
    """Agents that call in a step [N: a setting of ScaleSim's evaluation]; actions are made so long that this is met."""

    action_cv: Variation = 1.0
    """Coefficient of variation of what an action takes beyond its first step [A]."""

    map_tiles: PositiveNumber = 100
    """Width and height of the map [A: Smallville is 140 by 100 tiles]."""

    tiles_per_step: PositiveAmount = 10.0
    """How far an agent walks in a step [A]."""

    agents_per_place: PositiveAmount = 5.0
    """Agents for each of the places that they go to [A]."""

    cooldown_steps: WholeNumber = 10
    """Steps in which who has met somebody meets nobody else [A]."""


class _Map:
    """Where the agents of one world are, and what they are about to do.

    Attributes:
        action_ends: Step in which each agent's action ends.
        free_from: Step from which on it can meet somebody, if it has come to its place.
    """

    def __init__(self, params: WorldInteractingParams, n: int, rng: np.random.Generator) -> None:
        self.params, self.n, self.rng = params, n, rng
        self.mean_steps = 2.0 / params.active_share
        self.places = rng.random((max(1, round(n / params.agents_per_place)), 2)) * params.map_tiles
        self.at = rng.random((n, 2)) * params.map_tiles
        self.place = np.zeros(n, np.int64)
        self.arrives, self.action_ends, self.free_from = np.zeros(n), np.zeros(n), np.full(n, -np.inf)
        self.begin(-_LEAD_STEPS, np.arange(n))

    def begin(self, step: int, agents: np.ndarray) -> None:
        """Agents begin another action in a step, and set out for a place."""
        self.place[agents] = self.rng.integers(0, len(self.places), len(agents))
        way = self.places[self.place[agents]] - self.at[agents]
        self.arrives[agents] = step + np.maximum(1.0, np.ceil(np.hypot(*way.T) / self.params.tiles_per_step))
        self.action_ends[agents] = step + draw_steps(self.mean_steps, self.params.action_cv, len(agents), self.rng)

    def walk(self) -> None:
        """One step towards the place that each agent goes to."""
        way = self.places[self.place] - self.at
        distance = np.hypot(*way.T)
        share = np.minimum(1.0, self.params.tiles_per_step / np.maximum(distance, 1e-9))
        self.at += way * share[:, None]

    def meets(self) -> np.ndarray:
        """Step in which each agent meets somebody if nobody changes his mind: when a second one is at its place."""
        ready = np.maximum(self.arrives, self.free_from)
        order = np.lexsort((ready, self.place))
        place, ready = self.place[order], ready[order]
        is_first = np.diff(place, prepend=-1) != 0
        has_next = np.append(place[1:] == place[:-1], False)
        with_next = np.where(has_next, np.append(ready[1:], np.inf), np.inf)
        meets = np.empty(self.n)
        meets[order] = np.where(is_first, with_next, ready)
        return meets


def plan_interacting(params: WorldInteractingParams, n: int, rng: np.random.Generator) -> CallPlan:
    """The calls of `n` agents of one world."""
    world, recorder, called = _Map(params, n, rng), Recorder(n, params.steps), 0
    for step in range(-_LEAD_STEPS, params.steps):
        meets = world.meets()
        next_call = np.minimum(world.action_ends, meets)
        recorder.report(step, np.maximum(next_call, step))
        calling = np.flatnonzero(next_call <= step)
        recorder.call(step, calling)
        world.free_from[meets <= step] = step + params.cooldown_steps
        world.begin(step, calling)
        world.walk()
        called += len(calling)
        if step < 0 and step % _SETTLE_STEPS == 0:
            wrong = called / (_SETTLE_STEPS * n * params.active_share)
            world.mean_steps = max(1.0, world.mean_steps * min(max(wrong, 0.5), 2.0))
            called = 0
    return recorder.plan(rng)


def draw(params: WorldInteractingParams, n: int, streams: Streams) -> Shapes:
    """Draws `n` agents."""
    sizes = np.bincount(params.societies(n)).tolist()
    plans = [plan_interacting(params, size, streams.shapes) for size in sizes]
    return draw_world(params, n, side_by_side(plans, sizes), streams)
