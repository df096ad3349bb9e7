"""Measured beside simulated: one row a figure, and whether order and size agree."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from benchmarks.consumer_gpu.pairs import Pair, order
from benchmarks.consumer_gpu.runs import AGENTS, Figures, sweep, twelve_tasks

MEASURED: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "measured.yaml").read_text(encoding="utf-8"))

NAMES = {
    "tpot_p50_ms": "TPOT p50, ms",
    "tpot_p95_ms": "TPOT p95, ms",
    "cold_ttft_ms": "cold TTFT p50, ms",
    "tok_per_s": "tokens per second",
}
"""How the page calls the fields of `Figures`."""


class Row(NamedTuple):
    """One figure for one number of agents, by engine."""

    agents: int
    figure: str
    pairs: dict[str, Pair]

    @property
    def missed(self) -> list[str]:
        """Engines whose size does not agree."""
        return [engine for engine, pair in self.pairs.items() if pair.agrees is False]

    @property
    def order(self) -> bool | None:
        """Whether the two engines stand as measured; None if they were not both measured, or were alike."""
        one, other = self.pairs.values()
        if one.measured is None or other.measured is None:
            return None
        measured = order(one.measured, other.measured)
        return order(one.mean, other.mean) == measured if measured else None


def task_rows(model: str, paradigm: str, seeds: Sequence[int]) -> list[Row]:
    """Rows of the twelve tasks of one model and paradigm."""
    measured: Mapping[str, Mapping[int, Mapping[str, float]]] = MEASURED["twelve_tasks"][model][paradigm]
    rows = []
    for agents in AGENTS:
        simulated = {engine: twelve_tasks(model, paradigm, engine, agents, seeds) for engine in measured}
        given = {engine: measured[engine].get(agents, {}) for engine in measured}
        rows += _rows(agents, given, simulated)
    return rows


def sweep_rows(seeds: Sequence[int]) -> list[Row]:
    """Rows of the sweep: sessions that bring a prompt each, and sessions that share one."""
    rows = []
    for agents in AGENTS:
        simulated = {name: sweep("llama.cpp", agents, name == "shared", seeds) for name in ("each its own", "shared")}
        given = {name: MEASURED["sweep"].get(agents, {}) for name in simulated}
        rows += [row for row in _rows(agents, given, simulated) if row.figure in MEASURED["sweep"][1]]
    return rows


def whole_prompt_row(model: str, paradigm: str, agents: int, seeds: Sequence[int]) -> Row:
    """TPOT p95 of llama.cpp simulated with whole prompts, and with its batches of 512 tokens."""
    measured = MEASURED["twelve_tasks"][model][paradigm]["llama.cpp"][agents]
    engines = ("whole prompts", "llama.cpp")
    simulated = {engine: twelve_tasks(model, paradigm, engine, agents, seeds) for engine in engines}
    rows = _rows(agents, {engine: measured for engine in engines}, simulated)
    return rows[Figures._fields.index("tpot_p95_ms")]


def _rows(agents: int, measured: Mapping[str, Mapping[str, float]], simulated: Mapping[str, np.ndarray]) -> list[Row]:
    """A row for each of `Figures`, by what was measured and by the columns of what was simulated."""
    return [
        Row(
            agents, figure, {name: Pair(measured[name].get(figure), values[:, i]) for name, values in simulated.items()}
        )
        for i, figure in enumerate(Figures._fields)
    ]
