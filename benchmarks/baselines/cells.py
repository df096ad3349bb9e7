"""A cell: one policy on one scenario, an episode a seed, kept on disk so that a run can be interrupted."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import agentsim_env
from agentsim_env import Simulator, load_scenario
from agentsim_env.assembly import Source
from agentsim_env.engine.core.jit import CACHE_ROOT, ENGINE_HASH
from agentsim_env.load import prepare, with_rate
from agentsim_env.metrics import summarise
from agentsim_env.metrics.mechanisms import idle_rules
from agentsim_env.scenario import Scenario
from benchmarks.baselines.policies import Policy

Figures = dict[str, Any]
"""Figures of an episode as `Simulator.summary` has them, and under `idle` the rules that have done nothing."""

_BESIDE_ENGINE = ("metrics", "workload", "hardware", "simulator.py")


class Cell(NamedTuple):
    """A policy on a scenario."""

    scenario: str
    policy: Policy


def run_cells(cells: Sequence[Cell], seeds: Sequence[int], jobs: int) -> Iterator[tuple[Cell, list[Figures]]]:
    """Yields the figures of each cell, one a seed; those that are on disk are not computed again."""
    if jobs == 1:
        for cell in cells:
            yield cell, run_cell(cell, seeds)
        return
    # The first one here: what is compiled or measured for it, the workers find in the cache.
    yield cells[0], run_cell(cells[0], seeds)
    # Spawned rather than forked: numba keeps threads, which do not survive a fork.
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        running = {pool.submit(run_cell, cell, seeds): cell for cell in cells[1:]}
        for done in as_completed(running):
            yield running[done], done.result()


def run_cell(cell: Cell, seeds: Sequence[int]) -> list[Figures]:
    """The figures of a cell; what is missing of it is run and kept."""
    scenario = cell.policy.apply(_scenario(cell.scenario))
    path = _file(scenario)
    kept: dict[str, Figures] = json.loads(path.read_text()) if path.exists() else {}
    missing = [seed for seed in seeds if str(seed) not in kept]
    if missing:
        simulator = Simulator(scenario, source=_source(cell.scenario), token_seconds=True)
        kept |= {str(seed): _episode(simulator, seed) for seed in missing}
        _write(path, kept)
    return [kept[str(seed)] for seed in seeds]


def _episode(simulator: Simulator, seed: int) -> Figures:
    simulator.reset(seed)
    simulator.run()
    records = simulator.records()
    return {**summarise(records, simulator.scenario.slo), "idle": [rule for _, rule, _ in idle_rules(records)]}


@cache
def _scenario(name: str) -> Scenario:
    """A scenario with its load spelled out as a rate: programs arrive as under its own rules."""
    return with_rate(load_scenario(name))


@cache
def _source(name: str) -> Source:
    return prepare(_scenario(name))


def _file(scenario: Scenario) -> Path:
    """Named by what decides the figures: the scenario with the rules in it, and the code."""
    return CACHE_ROOT / "baselines" / f"{scenario.content_hash()[:32]}-{_code_hash()}.json"


@cache
def _code_hash() -> str:
    digest = hashlib.sha256(ENGINE_HASH.encode())
    root = Path(agentsim_env.__file__).parent
    for name in _BESIDE_ENGINE:
        for path in sorted([root / name] if name.endswith(".py") else (root / name).rglob("*.*")):
            if path.suffix in (".py", ".yaml", ".csv", ".npz"):
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _write(path: Path, figures: dict[str, Figures]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".tmp")
    scratch.write_text(json.dumps(figures))
    scratch.replace(path)
