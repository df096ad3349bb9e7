"""The validation runs of docs/fidelity.md (`runs.yaml`), and whether each meets what we ask for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from agentsim_env.validation.command import Validation, validate
from agentsim_env.validation.engine_description import Constants, load_engine
from agentsim_env.validation.measurements import Run
from agentsim_env.validation.report import LABELS

FILE = Path(__file__).parent / "runs.yaml"


@dataclass(frozen=True)
class ReportedRun:
    """One run, or set of points, of the page.

    Attributes:
        title: Heading.
        file: File in the folder of measurements.
        engine: Shipped engine description.
        unseen: No constant was chosen on it.
        note: What to know of it.
        keep: Regular expression that names of points must match.
        constants: In the place of the engine's.
        dense_on_vllm: It is one of the closed loops of a dense model on vLLM, which are also summed up.
        bars: Largest error asked for, per cent: of the mean by metric, of every p99 under `p99`.
    """

    title: str
    file: str
    engine: str
    unseen: bool
    note: str
    keep: str = ""
    constants: Mapping[str, Any] | None = None
    dense_on_vllm: bool = False
    bars: Mapping[str, float] = field(default_factory=dict)

    def replay(self, folder: Path) -> Validation:
        """Replay it from the files in `folder`."""
        engine = load_engine(self.engine)
        if self.constants is not None:
            engine = engine.model_copy(update={"constants": Constants(**self.constants)})

        def kept(run: Run) -> bool:
            return re.search(self.keep, run.name) is not None

        return validate(folder / self.file, engine, kept)


def reported_runs() -> tuple[ReportedRun, ...]:
    """Every run of the page, in its order."""
    return tuple(ReportedRun(**entry) for entry in yaml.safe_load(FILE.read_text()))


def errors(result: Validation) -> dict[tuple[str, str], float]:
    """Error by (metric, statistic): that of a single run with its sign, the mean of the sizes over several points."""
    found: dict[tuple[str, str], list[float]] = {}
    for outcome in result.outcomes:
        for one in outcome.differences:
            found.setdefault((one.metric, one.statistic), []).append(one.error)
    single = len(result.outcomes) == 1
    return {key: values[0] if single else float(np.mean(np.abs(values))) for key, values in found.items()}


def misses(run: ReportedRun, result: Validation) -> list[str]:
    """What exceeds the bars of a run, in words."""
    found = errors(result)
    asked = [(key, bar) for metric, bar in run.bars.items() for key in _keys(metric, found)]
    return [
        f"{LABELS[metric]} {statistic} {100 * found[metric, statistic]:+.1f} % (asked for: {bar:g} %)"
        for (metric, statistic), bar in asked
        if abs(found[metric, statistic]) > bar / 100
    ]


def _keys(metric: str, found: Mapping[tuple[str, str], float]) -> list[tuple[str, str]]:
    return [key for key in found if key[1] == "p99"] if metric == "p99" else [(metric, "mean")]
