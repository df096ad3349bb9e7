"""Components: compiled when they are called for the first time, whoever calls them and whatever happens meanwhile."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentsim_env.engine.core.decisions import DECISIONS, KINDS
from agentsim_env.engine.core.jit import COMPILED

pytestmark = pytest.mark.skipif(not COMPILED, reason="plain Python has no components")

MODULE = """
from agentsim_env.engine.core import component as components
from agentsim_env.engine.core.component import NUMBER, component, in_use, table
from agentsim_env.engine.core.jit import entry
from agentsim_env.engine.core.pointer import bind

@component(NUMBER, NUMBER)
def twice(state, x):
    return x + x

def first(state, x):
    return x + 1

def second(state, x):
    return x + 2

either = table(NUMBER, NUMBER)([first, second])

@component(NUMBER, NUMBER)
def wrong(state, x):
    return x.nothing

@entry
def call_twice(address, x):
    return twice(bind(address), x)

@entry
def call_either(address, number, x):
    return either(bind(address), number, x)

@entry
def call_wrong(address, x):
    return wrong(bind(address), x)
"""

BEFORE = """
import numpy as np
import functions
from functions import *
STATE = np.zeros((1, 4), np.int64)
"""


def run(folder: Path, program: str, code: int = 0) -> tuple[str, str]:
    """Output and standard error of a program that uses the components above, with a cache of its own."""
    (folder / "functions.py").write_text(MODULE)
    environment = os.environ | {
        "AGENTSIM_CACHE": str(folder / "cache"),
        "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
    }
    arguments = [sys.executable, "-c", BEFORE + program]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout.strip(), done.stderr


def test_a_component_is_compiled_when_it_is_called_and_not_before(tmp_path: Path) -> None:
    program = """
def known():
    return sorted(name for name in in_use() if name.startswith('functions'))
print(known(), call_twice(STATE, 21), known(), call_either(STATE, 1, 40), known())
"""
    out = "[] 42 ['functions.twice'] 42 ['functions.second', 'functions.twice']"
    assert run(tmp_path, program)[0] == out
    assert run(tmp_path, program) == (out, "")  # and the second time it is loaded


def test_threads_that_call_it_together_all_get_it(tmp_path: Path) -> None:
    program = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    print(set(pool.map(lambda k: call_twice(STATE, 21) + call_either(STATE, k % 2, 0), range(8))))
"""
    assert run(tmp_path, program)[0] == "{43, 44}"


def test_code_that_keeps_the_lock_of_python_can_call_it(tmp_path: Path) -> None:
    program = """
import numba
@numba.njit
def keeping(address, x):
    return twice(bind(address), x)
print(keeping(STATE, 21))
"""
    assert run(tmp_path, program)[0] == "42"


def test_what_only_compiled_code_calls_is_not_there_for_python(tmp_path: Path) -> None:
    program = """
from agentsim_env.engine.core.jit import compiled
@compiled
def part(x):
    return x
try:
    part(1)
except TypeError as error:
    print(error)
"""
    assert run(tmp_path, program)[0] == "'_dynfunc._Closure' object is not callable"


def test_an_interrupt_waits_until_it_is_compiled(tmp_path: Path) -> None:
    program = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has it ignored
compile_it = components._compile
def interrupted(slot):
    os.kill(os.getpid(), signal.SIGINT)
    compile_it(slot)
components._compile = interrupted
try:
    call_twice(STATE, 21)
except KeyboardInterrupt:
    print('interrupted, but', 'functions.twice' in in_use(), call_twice(STATE, 21))
"""
    assert run(tmp_path, program)[0] == "interrupted, but True 42"


def test_one_that_does_not_compile_ends_the_process_and_says_why(tmp_path: Path) -> None:
    _, error = run(tmp_path, "call_wrong(STATE, 1)\nprint('not reached')", code=1)
    assert "Unknown attribute 'nothing'" in error


def test_one_that_is_made_ready_does_not_compile_there(tmp_path: Path) -> None:
    program = """
from numba.core.errors import TypingError
components.ready(either, 1)
try:
    components.ready(wrong)
except TypingError as error:
    print('nothing' in str(error), [name for name in in_use() if 'functions' in name])
"""
    assert run(tmp_path, program)[0] == "True ['functions.second']"


PLAYED = """
import json
from agentsim_env import Simulator, load_scenario
from agentsim_env.engine.core.component import _slots, in_use
load = {'workload.arrivals': {'process': 'poisson', 'rate_per_s': 0.2}, 'episode.programs': 40}
def played(changes):
    before = in_use()
    simulator = Simulator(load_scenario(None, load | changes))
    simulator.reset(0)
    simulator.run()
    return sorted(name.rpartition('.')[2] for name in in_use() - before)
print(json.dumps([played({}), played({'rules.route_turn': 'round_robin'}), len(_slots)]))
"""


@pytest.fixture(scope="module")
def needed() -> tuple[set[str], set[str], int]:
    """What the default scenario calls, what another one calls that it does not, and how many components there are."""
    done = subprocess.run([sys.executable, "-c", PLAYED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second, n_components = json.loads(done.stdout)
    return set(first), set(second), n_components


def test_a_scenario_calls_no_rule_that_it_does_not_name(needed: tuple[set[str], set[str], int]) -> None:
    rules = {name for name in needed[0] if name.startswith(KINDS)}
    assert rules <= {f"{kind}_{row.default}" for kind, row in DECISIONS.items()}
    assert "route_turn_least_loaded" in rules


def test_another_scenario_needs_what_it_has_more(needed: tuple[set[str], set[str], int]) -> None:
    assert needed[1] == {"route_turn_round_robin"}


def test_most_of_the_engine_is_not_needed_by_the_default_scenario(needed: tuple[set[str], set[str], int]) -> None:
    called, _, n_components = needed
    assert 15 < len(called) < n_components / 3
