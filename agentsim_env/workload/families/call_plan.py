"""In which steps of a world its agents call the LLM, what they say of it beforehand, and how that goes wrong."""

from typing import NamedTuple, Protocol

import numpy as np


class Noise(Protocol):
    """How wrong reports are; see `agent_world.AgentWorldParams`."""

    hint_error: float
    hint_wrong_order: float
    hint_missing: float
    hint_horizon: int | None
    steps: int


class CallPlan(NamedTuple):
    """Calls and reports of the agents of one or several worlds.

    Attributes:
        agent: Agent that makes each call, ascending, shape (calls,).
        step: Step of each call; ascending within an agent, each at most once.
        report_agent: Agent that makes each report, shape (reports,).
        report_step: Step that begins with the report.
        announced: Step of the agent's next call, as it is seen then.
    """

    agent: np.ndarray
    step: np.ndarray
    report_agent: np.ndarray
    report_step: np.ndarray
    announced: np.ndarray

    def in_order(self) -> "CallPlan":
        """The same plan with calls and reports by agent and step, each once."""
        calls = _by_agent(self.agent, self.step)
        reports = _by_agent(self.report_agent, self.report_step)
        return CallPlan(self.agent[calls], self.step[calls], *(column[reports] for column in self[2:]))


def _by_agent(agent: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Order by agent and step; of several in one step the last one."""
    order = np.lexsort((step, agent))
    agent, step = agent[order], step[order]
    is_last = np.ones(len(order), bool)
    is_last[:-1] = (agent[1:] != agent[:-1]) | (step[1:] != step[:-1])
    return order[is_last]


class Recorder:
    """Writes down what happens in a world, step by step.

    Args:
        n: Agents.
        steps: Steps; what happens before step 0 leads up to the world's beginning and is not written down.
    """

    def __init__(self, n: int, steps: int) -> None:
        self._n, self._steps = n, steps
        self._calls: list[tuple[np.ndarray, np.ndarray]] = []
        self._reports: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._said = np.full(n, np.inf)

    def report(self, step: int, next_call: np.ndarray) -> None:
        """At the begin of a step agents tell what has changed of their next calls; inf: they know of none."""
        if 0 <= step < self._steps:
            agents = np.flatnonzero((next_call != self._said) & np.isfinite(next_call))
            self._reports.append((agents, np.full(len(agents), step), next_call[agents]))
            self._said[agents] = next_call[agents]

    def call(self, step: int, agents: np.ndarray) -> None:
        """These agents call in a step; what they have said is over."""
        if 0 <= step < self._steps:
            self._calls.append((agents, np.full(len(agents), step)))
            self._said[agents] = np.inf

    def plan(self, rng: np.random.Generator) -> CallPlan:
        """All of it. Who was not asked at all calls once, unannounced, at any step."""
        agent, step = (np.concatenate(column) for column in zip(*self._calls, strict=True))
        silent = np.setdiff1d(np.arange(self._n), agent)
        agent = np.concatenate([agent, silent])
        step = np.concatenate([step, rng.integers(0, self._steps, len(silent))])
        reports = [np.concatenate(column) for column in zip(*self._reports, strict=True)]
        return CallPlan(agent, step, *reports).in_order()


def side_by_side(plans: list[CallPlan], sizes: list[int]) -> CallPlan:
    """The plans of several worlds as one, their agents numbered through."""
    first = np.cumsum([0, *sizes])
    agent = [plan.agent + start for plan, start in zip(plans, first, strict=False)]
    report_agent = [plan.report_agent + start for plan, start in zip(plans, first, strict=False)]
    return CallPlan(
        np.concatenate(agent),
        np.concatenate([plan.step for plan in plans]),
        np.concatenate(report_agent),
        np.concatenate([plan.report_step for plan in plans]),
        np.concatenate([plan.announced for plan in plans]),
    )


def with_emergencies(plan: CallPlan, share: float, rng: np.random.Generator) -> CallPlan:
    """Some calls come before their time: at any step between the agent's call before and the one that was announced.

    What the agent would have said after the call it says after the earlier one; what it has said before stands.
    """
    if share == 0.0:
        return plan
    before = np.where(np.diff(plan.agent, prepend=-1) == 0, np.concatenate([[0], plan.step[:-1]]), -1)
    room = plan.step - before - 1
    moved = np.flatnonzero((rng.random(len(plan.step)) < share) & (room > 0))
    old = plan.step[moved]
    new = before[moved] + 1 + np.floor(rng.random(len(moved)) * room[moved]).astype(np.int64)
    step, report_step = plan.step.copy(), plan.report_step.copy()
    step[moved] = new
    # Reports are in order, so that those that follow a call are found by agent and step.
    stride = int(max(plan.step.max(), plan.report_step.max(initial=0))) + 2
    key = plan.report_agent * stride + plan.report_step
    owner = plan.agent[moved] * stride
    first, last = np.searchsorted(key, owner + new, "right"), np.searchsorted(key, owner + old, "right")
    over = np.zeros(len(key) + 1, np.int64)
    np.add.at(over, first, 1)
    np.add.at(over, last, -1)
    follows = (last < len(key)) & (np.append(key, -1)[last] == owner + old + 1)
    report_step[last[follows]] = new[follows] + 1
    stays = np.cumsum(over)[:-1] == 0
    reports = (plan.report_agent[stays], report_step[stays], plan.announced[stays])
    return CallPlan(plan.agent, step, *reports).in_order()


def with_noise(plan: CallPlan, noise: Noise, society: np.ndarray, rng: np.random.Generator) -> CallPlan:
    """What is sent of the reports, and how wrong it is: postponed, by a factor, exchanged, or not at all.

    Args:
        plan: A plan in order.
        noise: How wrong reports are.
        society: World of each agent.
        rng: Generator for reports.
    """
    if noise.hint_horizon is not None:
        plan = _within(plan, noise.hint_horizon, noise.steps)
    agent, step, announced = plan.report_agent, plan.report_step, plan.announced.astype(float)
    if noise.hint_error > 0.0:
        factor = np.exp(noise.hint_error * rng.standard_normal(len(step)))
        announced = step + np.rint((announced - step) * factor)
    if noise.hint_wrong_order > 0.0:
        chosen = np.flatnonzero(rng.random(len(step)) < noise.hint_wrong_order)
        group = (society[agent[chosen]], step[chosen])
        mixed = announced[chosen[np.lexsort((rng.random(len(chosen)), *group))]]
        announced[chosen[np.lexsort((np.arange(len(chosen)), *group))]] = mixed
    if noise.hint_missing > 0.0:
        sent = rng.random(len(step)) >= noise.hint_missing
        agent, step, announced = agent[sent], step[sent], announced[sent]
    return plan._replace(report_agent=agent, report_step=step, announced=announced)


def _within(plan: CallPlan, horizon: int, steps: int) -> CallPlan:
    """Reports wait until the call is less than `horizon` steps away; those that are overtaken are not sent."""
    agent, step = plan.report_agent, plan.report_step
    later = np.maximum(step, plan.announced - horizon + 1).astype(np.int64)
    following = np.append(step[1:], 0)
    overtaken = (np.append(agent[1:], -1) == agent) & (later >= following)
    kept = ~overtaken & (later < steps)
    return plan._replace(report_agent=agent[kept], report_step=later[kept], announced=plan.announced[kept])


def after_turns(plan: CallPlan, step_s: float) -> CallPlan:
    """What agents say right after their calls, where they go on by themselves.

    Returns:
        The plan with the number of the call in `report_step`, and in `announced` the seconds until the next one.
    """
    stride = int(max(plan.step.max(), plan.report_step.max(initial=0))) + 2
    key = plan.report_agent * stride + plan.report_step
    call = plan.agent * stride + plan.step
    place = np.searchsorted(key, call + 1)
    found = np.flatnonzero((place < len(key)) & (np.append(key, -1)[place] == call + 1))
    place = place[found]
    seconds = np.maximum(0.0, plan.announced[place] - plan.step[found]) * step_s
    return plan._replace(report_agent=plan.report_agent[place], report_step=found, announced=seconds)
