"""At a first start a second process compiles from the other end, if there is a core for it."""

import os
import sys
from typing import Any

import pytest

from agentsim_env.engine import ahead
from agentsim_env.engine.core import component, second_process
from agentsim_env.engine.core.jit import COMPILED
from agentsim_env.engine.core.usual import USUAL


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Command lines of what would be started, on a machine of two cores."""
    commands: list[list[str]] = []

    def start(command: list[str], **_: Any) -> None:
        commands.append(command)

    monkeypatch.setattr(second_process.subprocess, "Popen", start)
    monkeypatch.setattr(second_process, "n_cores", lambda: 2)
    monkeypatch.setattr(second_process, "_begun", False)
    monkeypatch.delenv("AGENTSIM_SECOND_PROCESS", raising=False)
    return commands


def test_it_is_begun_once(begun: list[list[str]]) -> None:
    ahead.begin_with_all()
    ahead.begin_with_all()
    assert begun == [[sys.executable, "-W", "ignore", "-m", "agentsim_env.engine.ahead", str(os.getpid()), "all"]]


def test_not_on_one_core(begun: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_process, "n_cores", lambda: 1)
    ahead.begin_with_all()
    assert begun == []


def test_it_begins_no_third(begun: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTSIM_SECOND_PROCESS", "1")
    ahead.begin_with_all()
    assert begun == []


@pytest.mark.skipif(not COMPILED, reason="plain Python has no components")
def test_it_compiles_from_the_last_to_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(ahead, "make_all", lambda names, goes_on: asked.append([*names, str(goes_on())]))
    ahead.main(os.getppid())
    ahead.main(os.getppid() + 1, "all")
    assert asked == [[*reversed(USUAL), "True"], [*reversed(component.every_name()), "False"]]


@pytest.mark.skipif(not COMPILED, reason="plain Python has no components")
def test_the_usual_components_are_there() -> None:
    assert set(USUAL) <= set(component.every_name())


@pytest.mark.skipif(not COMPILED, reason="plain Python has no components")
def test_it_stops_when_the_first_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(component, "_has_address", lambda slot: False)
    monkeypatch.setattr(component, "_compile", lambda slot: compiled.append(component._name(slot.function)))
    component.make_all(USUAL[:3], lambda: len(compiled) < 2)
    assert compiled == list(USUAL[:2])
