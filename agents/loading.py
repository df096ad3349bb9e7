"""From what a user writes on a command line to an agent."""

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import isclass
from pathlib import Path
from typing import Any

from agentsim_env.agents.bundle import PREFIX as BUNDLE
from agentsim_env.agents.bundle import BundleAgent
from agentsim_env.agents.errors import AgentError
from agentsim_env.agents.function import FunctionAgent
from agentsim_env.agents.numpy_policy import load_policy
from agentsim_env.agents.protocol import Agent
from agentsim_env.agents.rule import SCENARIO_RULES, RuleAgent
from agentsim_env.agents.sb3_zip import STATISTICS, inspect
from agentsim_env.agents.uniform import RandomAgent
from agentsim_env.policies import pretrained
from agentsim_env.policies.file import CONTAINERS

_WEIGHTS = (*CONTAINERS, ".zip")
"""Endings of files that hold weights."""


def split_agents(text: str) -> list[str]:
    """The agents of a list that is separated by commas; paths may have commas of their own.

    Example:
        >>> split_agents("least_loaded, mine=runs/a")
        ['least_loaded', 'mine=runs/a']
    """
    left = text.split(",")
    found = []
    while left:
        taken = next((n for n in range(len(left), 1, -1) if _is_path(",".join(left[:n]))), 1)
        found.append(",".join(left[:taken]).strip())
        left = left[taken:]
    return [agent for agent in found if agent]


def _is_path(text: str) -> bool:
    """Whether all of a text is the path of an agent, perhaps with a name before it."""
    name, path = split_name(text)
    return "," not in (name or "") and os.path.exists(path)


def files_of(source: str | Path) -> list[Path]:
    """The files that an agent is made of, as far as they are known by its text: weights, or a module."""
    text = split_name(str(source))[1]
    path = pretrained.file_of(text)
    if os.path.isdir(path) or path.suffix in _WEIGHTS:
        file = _weights_in(path)
        return [found for found in (file, file.with_name(STATISTICS)) if found.is_file()]
    module = sys.modules.get(text.partition(":")[0]) if ":" in text else None
    return [Path(module.__file__)] if module is not None and module.__file__ else []


def make_agent(source: Any, kinds: str | Sequence[str] = "route_turn", trust: bool = False) -> Agent:
    """Makes an agent.

    Args:
        source: One of

            * the name of a compiled rule (`least_loaded`), with its kind before it where rules of several kinds have
              this name (`schedule_turn.gate`); `rules` for the rules that the scenario has; `bundle:NAME` for those
              of a bundle; `uniform`,
            * the path of an exported policy (`.safetensors`, or `.npz` of an earlier version), of a Stable-Baselines3
              model (`.zip`) or of the folder of a training run (its exported policy if there is one, else its
              `model.zip`),
            * `pretrained:routing` and the like: an agent that comes with the package,
            * `module:function` or `module:Class`; the module is looked for in the current folder too,
            * a function of (features, info), or an agent.

            A text may begin with a name and `=`, as in `mine=runs/a/model.zip`.
        kinds: Kind of decision, or kinds, that the agent is to answer.
        trust: Whether models may be loaded that are unpickled for it, which can run any code: all `.zip` files.

    Raises:
        AgentError: If it is none of these, or a model that is not trusted.
    """
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if isinstance(source, str | Path):
        name, text = split_name(str(source))
        return _from_text(text, name, kinds, trust)
    if isinstance(source, Agent):
        return source
    if callable(source):
        return FunctionAgent(source)
    raise AgentError(
        f"{source!r} is no agent: give a name, a path, module:function, a function, or an object with act()"
    )


def split_name(text: str) -> tuple[str | None, str]:
    """The name before an agent, None if there is none, and the agent; the path of a file may hold a `=` itself."""
    name, equals, rest = text.partition("=")
    return (name.strip(), rest.strip()) if equals and not os.path.exists(text) else (None, text)


def _from_text(text: str, name: str | None, kinds: tuple[str, ...], trust: bool) -> Agent:
    path = Path(text)
    if path.suffix in _WEIGHTS or os.path.isdir(path):
        return _from_path(path, name, trust)
    module, colon, attribute = text.partition(":")
    if colon and module == pretrained.PREFIX:
        return load_policy(pretrained.find(attribute), name)
    if module == BUNDLE and colon:
        return BundleAgent(attribute, name)
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
        raise AgentError(f"{text}: no such folder, and no .safetensors, .npz or .zip file")
    raise AgentError(f"no agent {text!r}: it is no file or folder, no module:function, and {_no_rule(text, kinds)}")


def _rule(text: str, name: str | None, kinds: tuple[str, ...]) -> RuleAgent | None:
    """The rule that a text names, with or without its kind, if there is one."""
    from agentsim_env.engine.tables import RULES

    kind, dot, rule = text.partition(".")
    if dot and kind in kinds and rule in RULES[kind]:
        return RuleAgent(rule, kind, name or text)
    found = [kind for kind in kinds if text in RULES[kind]]
    if len(found) > 1:
        raise AgentError(f"{text!r} is a rule for {' and for '.join(found)}: write {found[0]}.{text}")
    return RuleAgent(text, found[0], name) if found else None


def _no_rule(text: str, kinds: tuple[str, ...]) -> str:
    """That a text names no rule of some kinds, with the name that was meant, the kind that has it, and all names."""
    from agentsim_env.engine.tables import RULES

    known = ", ".join(f"{kind} ({', '.join(sorted(RULES[kind]))})" for kind in kinds)
    others = [kind for kind, rules in RULES.items() if text in rules]
    if others:
        return f"a rule for {' and for '.join(others)}, not for {known}"
    close = difflib.get_close_matches(text, {rule for kind in kinds for rule in RULES[kind]}, n=1)
    return f"no rule{f', did you mean {close[0]}?' if close else '.'} Rules for {known}"


def _from_path(path: Path, name: str | None, trust: bool) -> Agent:
    file = _weights_in(path)
    if path.is_dir():
        name = name or path.resolve().name
    if file.suffix in CONTAINERS:
        return load_policy(file, name)
    inspect(file)
    if not trust:
        raise AgentError(
            f"{file} is unpickled when it is loaded, which can run any code: if you trust where it comes from, say"
            " --trust (in Python trust=True); an exported policy, policy.safetensors, needs no trust"
        )
    from agentsim_env.agents.sb3 import SB3Agent

    return SB3Agent.load(file, name)


def _weights_in(path: Path) -> Path:
    """The file with the weights: itself, or that in the folder of a run."""
    if not path.is_dir():
        return path
    names = [*(f"policy{ending}" for ending in CONTAINERS), "model.zip"]
    found = next((path / name for name in names if (path / name).is_file()), None)
    if found is None:
        raise AgentError(f"{path} holds none of {', '.join(names)}: it is not the folder of a training run")
    return found


def _from_module(module: str, attribute: str, name: str | None) -> Agent:
    if not module or not attribute:
        raise AgentError(f"{module}:{attribute} is no agent: write module:function or module:Class")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        with _code_of_a_user(f"{module}:{attribute}: cannot import {module}"):
            imported = importlib.import_module(module)
        found: Any = getattr(imported, attribute)
    except ImportError as error:
        raise AgentError(f"{module}:{attribute}: cannot import {module}: {error}") from None
    except AttributeError:
        raise AgentError(f"{module}:{attribute}: module {module} has no {attribute}") from None
    if isclass(found):
        with _code_of_a_user(f"{module}:{attribute}: cannot be made without arguments"):
            found = found()
    if not isinstance(found, Agent):
        if not callable(found):
            raise AgentError(f"{module}:{attribute} is neither a function nor a class nor an agent")
        return FunctionAgent(found, name)
    if name:
        found.name = name
    return found


@contextmanager
def _code_of_a_user(doing: str) -> Iterator[None]:
    """Turns what code of a user raises, or its exit, into an error that says what it was to do, with its place."""
    try:
        yield
    except (ImportError, KeyboardInterrupt):
        raise
    except (Exception, SystemExit) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        own = isinstance(error, SyntaxError) or last.filename == __file__
        place = "" if own else f" ({last.filename}, line {last.lineno})"
        raise AgentError(f"{doing}: {type(error).__name__}: {error}{place}") from error
