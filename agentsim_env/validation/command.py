"""`agentsim validate`: from files of measurements and an engine to outcomes."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from agentsim_env.errors import AgentSimError
from agentsim_env.validation.engine_description import EngineDescription, load_engine
from agentsim_env.validation.errors import Outcome, compare
from agentsim_env.validation.files import read_measurements
from agentsim_env.validation.measurements import Run
from agentsim_env.validation.problems import ValidationError
from agentsim_env.validation.replay import Replay, replay


class Validation(NamedTuple):
    """What was replayed.

    Attributes:
        engine: The engine.
        outcomes: One a run.
        left_out: What of the files was not used, and why.
    """

    engine: EngineDescription
    outcomes: tuple[Outcome, ...]
    left_out: tuple[str, ...]


def validate(
    path: Path | str,
    engine: EngineDescription | Path | str,
    keep: Callable[[Run], bool] = lambda run: True,
) -> Validation:
    """Replay every run that was measured on an engine.

    Args:
        path: CSV file, or folder of them; see `files.LAYOUTS`.
        engine: The engine, its YAML file, or the name of a shipped one.
        keep: Which of the runs are replayed.

    Raises:
        ValidationError: A file cannot be used, or nothing in it was measured on this engine.
    """
    described = engine if isinstance(engine, EngineDescription) else load_engine(engine)
    measurements = read_measurements(path, described)
    outcomes = []
    for run in measurements.runs:
        if keep(run):
            start_s = time.perf_counter()
            replayed = _replay(run, described)
            outcomes.append(compare(run, replayed, time.perf_counter() - start_s))
    return Validation(described, tuple(outcomes), measurements.left_out)


def _replay(run: Run, engine: EngineDescription) -> Replay:
    try:
        return replay(run, engine)
    except AgentSimError:
        raise
    except (ValueError, ArithmeticError, MemoryError) as error:
        raise ValidationError(f"{run.file}: {run.name}: cannot be replayed on {engine.gpu}: {error}") from error
