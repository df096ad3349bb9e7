import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

from agentsim_env.agents import Agent, AgentError, FunctionAgent, RandomAgent, RuleAgent, candidates_of, make_agent
from agentsim_env.agents.loading import split_agents
from agentsim_env.agents.protocol import bind

MODULE = """
import numpy as np

constant = 7

def lightest(features, info):
    return np.argmin(features["load"])

class First:
    name = "first"
    def reset(self, seed): ...
    def act(self, observation, info):
        return 0
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_routers.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_routers", raising=False)
    return "my_routers"


def test_rule_by_name() -> None:
    agent = make_agent("least_loaded")
    assert isinstance(agent, RuleAgent)
    assert (agent.name, agent.rule, agent.kind) == ("least_loaded", "least_loaded", "route_turn")


def test_name_before_equals() -> None:
    assert make_agent("incumbent=least_loaded").name == "incumbent"


def test_unknown_agent_lists_the_rules() -> None:
    with pytest.raises(AgentError, match=r"no agent 'least_lodaed'.*least_loaded"):
        make_agent("least_lodaed")


def test_function_of_a_module_in_the_current_folder(module: str, make_rows) -> None:
    agent = make_agent(f"{module}:lightest")
    env = make_rows()
    bind(agent, env)
    observation, info = env.reset(seed=3)
    assert agent.act(observation, info) == observation.reshape(env.candidate_shape)[:, 0].argmin()


def test_class_of_a_module(module: str) -> None:
    agent = make_agent(f"mine={module}:First")
    assert isinstance(agent, Agent)
    assert (agent.name, agent.act(np.zeros(3), {})) == ("mine", 0)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no_such_module:f", "cannot import no_such_module"),
        ("my_routers:absent", "module my_routers has no absent"),
        ("my_routers:constant", "neither a function nor a class nor an agent"),
        (7, "7 is no agent"),
        (":route", "write module:function"),
        ("my_routers:", "write module:function"),
        ("absent_rule", r"and no rule\. Rules for route_turn"),
    ],
)
def test_says_what_is_wrong(module: str, source: object, message: str) -> None:
    with pytest.raises(AgentError, match=message):
        make_agent(source)


NUMBER = itertools.count()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def f(:", r"cannot import broken_\d: SyntaxError: .* line 1"),
        ("1 / 0", r"cannot import broken_\d: ZeroDivisionError: division by zero \(.*broken_\d\.py, line 1\)"),
        ("raise SystemExit(3)", r"cannot import broken_\d: SystemExit: 3"),
        ("class f:\n    def __init__(self, a): pass", "cannot be made without arguments: TypeError: .*argument: 'a'$"),
    ],
)
def test_what_the_code_of_a_user_raises_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    name = f"broken_{next(NUMBER)}"  # a module is imported once
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AgentError, match=message) as caught:
        make_agent(f"{name}:f")
    assert caught.value.__cause__ is not None


def test_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"none of policy\.safetensors, policy\.npz, model\.zip"):
        make_agent(tmp_path)


def test_function_must_return_a_number(make_rows) -> None:
    agent = FunctionAgent(lambda features, info: None, "mute")
    agent.bind(make_rows())
    with pytest.raises(AgentError, match="mute must return the number of an action, not None"):
        agent.act(np.zeros(12, np.float32), {})


def test_random_agent_draws_allowed_actions_by_its_seed() -> None:
    agent = make_agent("uniform")
    assert isinstance(agent, RandomAgent)
    info = {"action_mask": np.array([0, 1, 0, 1], np.int8)}
    agent.reset(5)
    first = [agent.act(np.zeros(4), info) for _ in range(50)]
    agent.reset(5)
    assert first == [agent.act(np.zeros(4), info) for _ in range(50)]
    assert set(first) == {1, 3}


def test_agents_need_an_agentsim_environment(make_rows) -> None:
    env = make_rows()
    assert candidates_of(env).n_rows == 4
    del env.candidate_shape
    with pytest.raises(AgentError, match="is not an AgentSim environment"):
        candidates_of(env)


def test_a_list_longer_than_any_path() -> None:
    listed = [f"rule_{number}" for number in range(200)]
    assert split_agents(",".join(listed)) == listed
    with pytest.raises(AgentError, match="no agent 'xxx"):
        make_agent("x" * 5000)
