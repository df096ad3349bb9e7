"""From data sets to the folder of a policy that imitates them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from agentsim_env.files import write_text
from agentsim_env.training.config import SCENARIO
from agentsim_env.training.environments import find_environment
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.files import new_folder, write_csv, write_json
from agentsim_env.training.manifest import command, describe_machine
from agentsim_env.training.offline.cloning import MEASURES, Cloned, Columns, Epoch, Settings, clone, exported, together
from agentsim_env.training.offline.store import DataSet, Decisions, find
from agentsim_env.training.splits import TEST

POLICY = "policy.safetensors"

_SAME = ("environment", "feature_names", "rows", "actions", "allowed_feature")
"""What all data sets of a policy have to have in common."""


class Clone(NamedTuple):
    """A policy that imitates.

    Attributes:
        folder: Its folder.
        environment: Name of the environment.
        agents: Whom it imitates.
        cloned: How well.
        decisions: How many it was fitted to, and how many were held out.
    """

    folder: Path
    environment: str
    agents: tuple[str, ...]
    cloned: Cloned
    decisions: tuple[int, int]


def clone_data(
    data: Sequence[str],
    settings: Settings,
    *,
    held_out: float = 0.2,
    out: Path | None = None,
    console: Console | None = None,
) -> Clone:
    """Fits a policy to data sets and writes it as an agent that everything takes.

    Args:
        data: Ids or folders of data sets that `collect` has written, of one environment with the same columns.
        settings: How it is fitted.
        held_out: Share of the episodes of each that it does not learn from.
        out: Folder for it; by default a new one in `runs`.
        console: Where the progress bar goes; None for none.

    Raises:
        TrainingError: A data set is missing, of the test split, has too few episodes, or does not fit the others.
    """
    if settings.by not in MEASURES:
        raise TrainingError(f"--by {settings.by}: allowed: {', '.join(MEASURES)}")
    sets = [find(name) for name in data]
    about = _in_common(sets)
    without = next((one.id for one in sets if not one.about["rollouts"]), None)
    if settings.by == "costs" and without is not None:
        raise TrainingError(f"--by costs: {without} has none; agentsim collect --rollouts finds them")
    parts = [_split(one, held_out, settings) for one in sets]
    seen, others = (together(episode for part in parts for episode in part[side]) for side in (0, 1))
    names = tuple(about["feature_names"])
    columns = Columns(names, about["allowed_feature"], about["actions"] // about["rows"])
    with _Bar(settings, console) as bar:
        cloned = clone(seen, others, columns, settings, bar.tell)
    folder = new_folder(Path("runs") / f"{about['environment']}-clone-{about['agent']}") if out is None else out
    decisions = (len(seen.actions), len(others.actions))
    result = Clone(folder, about["environment"], tuple(one.about["agent"] for one in sets), cloned, decisions)
    _write(result, columns, sets, settings)
    return result


def _in_common(sets: Sequence[DataSet]) -> dict[str, Any]:
    """What is said of the first data set, if it holds for all."""
    if not sets:
        raise TrainingError("give a data set; agentsim collect makes one")
    first = sets[0]
    for one in sets:
        if one.about["split"] == TEST.name:
            raise TrainingError(f"{one.id} is of the test split: nothing is learned from it")
        differs = next((name for name in _SAME if one.about[name] != first.about[name]), None)
        if differs is not None:
            raise TrainingError(
                f"{one.id} and {first.id} have another {differs}: {one.about[differs]} and {first.about[differs]};"
                " allowed: data sets of one environment and size"
            )
    find_environment(first.about["environment"])
    return first.about


def _split(data: DataSet, held_out: float, settings: Settings) -> tuple[list[Decisions], list[Decisions]]:
    """The episodes that are learned from, and those that are not."""
    n = max(1, round(held_out * data.episodes))
    if n >= data.episodes:
        raise TrainingError(f"{data.id} has {data.episodes} episodes; to hold out {held_out:.0%} of them takes more")
    kept_out = set(np.random.default_rng(settings.seed).permutation(data.episodes)[:n].tolist())
    sides: tuple[list[Decisions], list[Decisions]] = ([], [])
    for place, episode in enumerate(data.read()):
        costs_s = episode.costs_s if settings.by == "costs" else episode.costs_s[:, :0]
        sides[place in kept_out].append(episode._replace(costs_s=costs_s))
    return sides


def _write(result: Clone, columns: Columns, sets: Sequence[DataSet], settings: Settings) -> None:
    """Writes the folder, the policy last: what has one is complete."""
    folder, about = result.folder, sets[0].about
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / SCENARIO, about["scenario"])
    write_text(folder / "command.txt", command() + "\n")
    write_json(folder / "versions.json", describe_machine())
    rows = [{"epoch": one.number, "loss": one.seen, **_held_out(one)} for one in result.cloned.epochs]
    write_csv(folder / "progress.csv", rows)
    origin = {
        "environment": result.environment,
        "algo": "clone",
        "scenario": about["scenario_hash"],
        "data": {one.id: {"agent": one.about["agent"], "episodes": one.episodes} for one in sets},
        "decisions": result.decisions[0],
        "held_out_decisions": result.decisions[1],
        **{f"held_out_{name}": value for name, value in result.cloned.held_out._asdict().items()},
        "settings": settings._asdict(),
    }
    exported(result.cloned.network, columns, "clone", origin).save(folder / POLICY)


def _held_out(epoch: Epoch) -> dict[str, float]:
    return {f"held_out_{name}": value for name, value in epoch.held_out._asdict().items()}


class _Bar(Progress):
    """Passes, and how well the policy imitates after the last one."""

    def __init__(self, settings: Settings, console: Console | None) -> None:
        columns = (TextColumn("[bold]clone[/]"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        super().__init__(*columns, console=console, disable=console is None)
        self._task = self.add_task("", total=settings.epochs)

    def tell(self, epoch: Epoch) -> None:
        """Shows a pass."""
        text = f"agreement on held-out episodes: {epoch.held_out.agreement:.1%}"
        self.update(self._task, completed=epoch.number, description=text)
