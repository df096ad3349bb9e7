"""Who plays the episodes of a data set, and in which environment."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import gymnasium

from agentsim_env import Scenario, Simulator, load_scenario
from agentsim_env.agents import Agent, BundleAgent, RuleAgent, make_agent
from agentsim_env.agents.protocol import bind
from agentsim_env.agents.rule import SCENARIO_RULES
from agentsim_env.errors import AgentSimWarning
from agentsim_env.load import with_rate
from agentsim_env.training.environments import find_environment
from agentsim_env.training.offline.episode import Episode, record
from agentsim_env.training.offline.rollouts import make_go_on


class Cast(NamedTuple):
    """All that a process needs to know to play episodes.

    Attributes:
        environment: Name of the environment.
        scenario: The scenario; where a rule plays it is among the scenario's rules.
        agent: The agent, as `make_agent` takes it.
        split: Name of the split that the episodes are from.
        rollouts: Whether every answer to a decision is tried to the end of its episode.
        trust: See `make_agent`.
    """

    environment: str
    scenario: Scenario
    agent: str
    split: str
    rollouts: bool = False
    trust: bool = False


def cast(
    environment: str, scenario: Scenario, agent: str, split: str, rollouts: bool = False, trust: bool = False
) -> Cast:
    """Who plays, with the scenario that its environment is made of.

    A rule plays by being asked, which only the scenario's own rule can be: so it takes the place of that, with arrivals
    as they were. A bundle takes the place of all rules.

    Raises:
        AgentError: There is no such agent.
    """
    made = make_agent(agent, find_environment(environment).kinds, trust)
    if isinstance(made, BundleAgent):
        scenario = load_scenario(with_rate(scenario), made.changes)
        agent = f"{made.name}={SCENARIO_RULES}"
    elif isinstance(made, RuleAgent) and any(
        getattr(scenario.rules, kind) != rule for kind, rule in made.rules.items()
    ):
        scenario = Simulator(with_rate(scenario), rules=made.rules).scenario
    return Cast(environment, scenario, agent, split, rollouts, trust)


def make_split_environment(cast: Cast) -> gymnasium.Env:
    """The environment as a user makes it: seeds are numbers within the split, rewards have the default size."""
    identifier = find_environment(cast.environment).id
    return gymnasium.make(identifier, scenario=cast.scenario, split=cast.split, disable_env_checker=True)


def agent_of(cast: Cast) -> Agent:
    """The agent that plays."""
    return make_agent(cast.agent, find_environment(cast.environment).kinds, cast.trust)


def make_player(cast: Cast) -> Callable[[int], Episode]:
    """What plays the episode of a number, in a process of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AgentSimWarning)  # the parent has said it
        env: Any = make_split_environment(cast)
        agent = agent_of(cast)
        bind(agent, env)
    return partial(record, agent, env, go_on=make_go_on(agent, env) if cast.rollouts else None)
