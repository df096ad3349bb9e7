"""`agentsim compile`: what it says, and what it refuses."""

import os
import subprocess
import sys

from agentsim_env.training.compiling import Compiled


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and standard error of the command."""
    command = [sys.executable, "-m", "agentsim_env.training.cli", "compile", *arguments]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_it_says_what_was_done() -> None:
    assert str(Compiled("tool_chat", 30, ("routing", "joint"), 4, 7.6)) == (
        "tool_chat: 30 parts of the engine, routing, joint; 4 compiled in 8 s"
    )
    assert str(Compiled("tool_chat", 30, (), 0, 1.0)) == "tool_chat: 30 parts of the engine; nothing to compile"


def test_all_goes_with_no_scenario() -> None:
    code, error = run("--all", "tool_chat")
    assert code != 0
    assert "--all compiles what every scenario needs: give either it, or scenarios" in error


def test_without_a_compiler_there_is_nothing_to_do() -> None:
    code, error = run("tool_chat", NUMBA_DISABLE_JIT="1")
    assert code != 0
    assert "nothing can be compiled with NUMBA_DISABLE_JIT=1" in error
