"""Writes the results of an evaluation into a folder."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentsim_env.files import write_text
from agentsim_env.training import journal
from agentsim_env.training.files import write_csv, write_json, write_yaml
from agentsim_env.training.manifest import command, describe_machine
from agentsim_env.training.plots import save_plot
from agentsim_env.training.results import Results
from agentsim_env.training.tables import markdown


def save(results: Results, folder: str | Path, sources: Sequence[str] = ()) -> Path:
    """Writes everything that is needed to read, check and repeat an evaluation.

    `results.md`, `.csv`, `.json` and `.png` hold the conclusions, `episodes.csv` every number of every agent and seed
    with the hashes of workload and records, `scenario.yaml` the scenario, the JSON also versions and command. What an
    interrupted evaluation has left there is gone.

    Args:
        results: The results.
        folder: Where to; made if there is none.
        sources: What the agents were made from, in their order.

    Returns:
        The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "results.md", markdown(results))
    write_csv(folder / "results.csv", results.summary())
    save_episodes(results, folder)
    write_yaml(folder / "scenario.yaml", results.scenario.model_dump(mode="json", exclude_none=True))
    write_json(folder / "results.json", _content(results, sources or results.agents))
    save_plot(results, folder / "results.png")
    (folder / journal.FILE).unlink(missing_ok=True)
    return folder


def save_episodes(results: Results, folder: Path) -> None:
    """Writes only the numbers of every agent and seed."""
    write_csv(folder / "episodes.csv", results.episodes())


def _content(results: Results, sources: Sequence[str]) -> dict[str, Any]:
    return {
        "environment": results.environment,
        "scenario": results.scenario.name,
        "scenario_hash": results.scenario.content_hash(),
        "seeds": list(results.seeds),
        **({"drawn": list(results.drawn)} if results.drawn else {}),
        "workload_hashes": [episode[0].workload_hash for episode in results.rollouts],
        "reference": results.reference,
        "agents": dict(zip(results.agents, sources, strict=True)),
        "results": _without_nan(results.summary()),
        "command": command(),
        "machine": describe_machine(),
    }


def _without_nan(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """JSON knows no NaN."""
    return [
        {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
        for row in rows
    ]
