"""From what a user writes on a command line to an agent."""

import importlib
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.errors import AgentError
from agents.function import FunctionAgent
from agents.numpy_policy import NumpyPolicy
from agents.protocol import Agent
from agents.rule import SCENARIO_RULES, RuleAgent
from agents.uniform import RandomAgent


def make_agent(source: Any, kinds: str | Sequence[str] = "route_turn") -> Agent:
    """Makes an agent.

    Args:
        source: One of

            * the name of a compiled rule (`least_loaded`), with its kind before it where rules of several kinds have
              this name (`schedule_turn.gate`); `rules` for the rules that the scenario has; `uniform`,
            * the path of an exported policy (`.npz`), of a Stable-Baselines3 model (`.zip`: it is unpickled, so load
              only what you trust) or of the folder of a training run (its `policy.npz` if there is one, else its
              `model.zip`),
            * `module:function` or `module:Class`; the module is looked for in the current folder too,
            * a function of (features, info), or an agent.

            A text may begin with a name and `=`, as in `mine=runs/a/model.zip`.
        kinds: Kind of decision, or kinds, that the agent is to answer.

    Raises:
        AgentError: If it is none of these.
    """
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if isinstance(source, str | Path):
        name, equals, rest = str(source).partition("=")
        return _from_text(rest, name, kinds) if equals else _from_text(name, None, kinds)
    if isinstance(source, Agent):
        return source
    if callable(source):
        return FunctionAgent(source)
    raise AgentError(
        f"{source!r} is no agent: give a name, a path, module:function, a function, or an object with act()"
    )


def _from_text(text: str, name: str | None, kinds: tuple[str, ...]) -> Agent:
    path = Path(text)
    if path.suffix in (".npz", ".zip") or path.is_dir():
        return _from_path(path, name)
    module, colon, attribute = text.partition(":")
    if colon:
        return _from_module(module, attribute, name)
    if text == "uniform":
        return RandomAgent(name or text)
    if text == SCENARIO_RULES:
        return RuleAgent(text, kinds[0], name)
    rule = _rule(text, name, kinds)
    if rule is not None:
        return rule
    if len(path.parts) > 1:
        raise AgentError(f"{text}: no such folder, and no .npz or .zip file")
    raise AgentError(f"no agent {text!r}: it is no file or folder, no module:function, and no rule for {_known(kinds)}")


def _rule(text: str, name: str | None, kinds: tuple[str, ...]) -> RuleAgent | None:
    """The rule that a text names, with or without its kind, if there is one."""
    from agentsim_env.engine.rules.tables import RULES

    kind, dot, rule = text.partition(".")
    if dot and kind in kinds and rule in RULES[kind]:
        return RuleAgent(rule, kind, name or text)
    found = [kind for kind in kinds if text in RULES[kind]]
    if len(found) > 1:
        raise AgentError(f"{text!r} is a rule for {' and for '.join(found)}: write {found[0]}.{text}")
    return RuleAgent(text, found[0], name) if found else None


def _known(kinds: tuple[str, ...]) -> str:
    from agentsim_env.engine.rules.tables import RULES

    return ", ".join(f"{kind} ({', '.join(sorted(RULES[kind]))})" for kind in kinds)


def _from_path(path: Path, name: str | None) -> Agent:
    if path.is_dir():
        name = name or path.resolve().name
        files = [path / "policy.npz", path / "model.zip"]
        found = next((file for file in files if file.is_file()), None)
        if found is None:
            raise AgentError(f"{path} holds neither policy.npz nor model.zip: it is not the folder of a training run")
        path = found
    if path.suffix == ".npz":
        return NumpyPolicy.load(path, name)
    from agents.sb3 import SB3Agent

    return SB3Agent.load(path, name)


def _from_module(module: str, attribute: str, name: str | None) -> Agent:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise AgentError(f"{module}:{attribute}: cannot import {module}: {error}") from None
    except AttributeError:
        raise AgentError(f"{module}:{attribute}: module {module} has no {attribute}") from None
    if inspect.isclass(found):
        found = found()
    if not isinstance(found, Agent):
        if not callable(found):
            raise AgentError(f"{module}:{attribute} is neither a function nor a class nor an agent")
        return FunctionAgent(found, name)
    if name:
        found.name = name
    return found
