"""Compiles before it is needed: what scenarios call, or all there is; for images of containers, and for impatience."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import NamedTuple

import gymnasium
import numpy as np
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from agentsim_env import Scenario, Simulator, load_scenario
from agentsim_env.engine.ahead import begin_with_all
from agentsim_env.engine.core.compiled_code import n_compiled, say_nothing
from agentsim_env.engine.core.component import every_name, in_use, make_all
from agentsim_env.engine.core.jit import COMPILED
from agentsim_env.errors import AgentSimError
from agentsim_env.registration import ENVIRONMENTS, name_of
from agentsim_env.training.errors import TrainingError

_LOOK_S = 0.2


class Compiled(NamedTuple):
    """What was done.

    Attributes:
        scenario: Name of the scenario; empty for everything.
        components: Parts of the engine that it calls.
        environments: Names of the environments that take it.
        compiled: How many functions were not in the cache.
        took_s: Wall time.
    """

    scenario: str
    components: int
    environments: tuple[str, ...]
    compiled: int
    took_s: float

    def __str__(self) -> str:
        """One line."""
        what = f"{self.scenario}: {self.components} parts of the engine"
        if self.environments:
            what += f", {', '.join(self.environments)}"
        new = f"{self.compiled} compiled in {self.took_s:.0f} s" if self.compiled else "nothing to compile"
        return f"{what}; {new}"


def compile_scenario(scenario: str | None, overrides: Sequence[str], console: Console) -> Compiled:
    """Run an episode of a scenario by its rules, and begin one in each environment that takes it.

    Raises:
        ScenarioError: There is no such scenario, or it is not valid.
        TrainingError: numba's compiler is switched off.
    """
    loaded = load_scenario(scenario, overrides)

    def work() -> tuple[str, ...]:
        simulator = Simulator(loaded)
        simulator.reset()
        simulator.run()
        return tuple(name_of(identifier) for identifier in ENVIRONMENTS if _begins(identifier, loaded))

    return _measured(loaded.name, work, console)


def compile_all(console: Console) -> Compiled:
    """Compile every part of the engine, and every environment.

    Raises:
        TrainingError: numba's compiler is switched off.
    """

    def work() -> tuple[str, ...]:
        begin_with_all()
        make_all(every_name(), lambda: True)
        return tuple(name_of(identifier) for identifier in ENVIRONMENTS if _begins(identifier, None))

    return _measured("all there is", work, console)


def _begins(identifier: str, scenario: Scenario | None) -> bool:
    """Make a first step in an environment; False where it does not take the scenario."""
    try:
        env = gymnasium.make(identifier, scenario=scenario)
        _, info = env.reset(seed=0)
    except AgentSimError:
        return False
    env.step(int(np.flatnonzero(info["action_mask"])[0]))
    env.close()
    return True


def _measured(name: str, work: Callable[[], tuple[str, ...]], console: Console) -> Compiled:
    if not COMPILED:
        raise TrainingError("nothing can be compiled with NUMBA_DISABLE_JIT=1")
    begun_s, before = time.monotonic(), n_compiled()
    with _shown(name, console):
        environments = work()
    return Compiled(name, len(in_use()), environments, n_compiled() - before, time.monotonic() - begun_s)


@contextmanager
def _shown(name: str, console: Console) -> Iterator[None]:
    """How far it is, on a terminal; nothing of it stays."""
    say_nothing()
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    ended = Event()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("")

        def look() -> None:
            while not ended.wait(_LOOK_S):
                progress.update(task, description=f"{name}: {len(in_use())} of {len(every_name())} parts of the engine")

        watching = Thread(target=look, daemon=True)
        watching.start()
        try:
            yield
        finally:
            ended.set()
            watching.join()
