"""The finished seeds of an evaluation that has not ended: an interruption, of whatever kind, loses one seed at most."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from rich.console import Console

from agentsim_env.agents.loading import files_of
from agentsim_env.files import naming, write_text
from agentsim_env.scenario import Scenario
from agentsim_env.training.rollouts import Rollout

FILE = "unfinished.jsonl"
"""Its name in the folder of the results."""


class Journal:
    """The finished seeds, in a file if there is one: a line that says of what evaluation, and a line for each.

    Args:
        played: What is finished already, by seed.
        file: Where more goes, at its end.
    """

    def __init__(self, played: Mapping[int, Sequence[Rollout]], file: IO[str] | None = None) -> None:
        self.played = played
        self._file = file

    def add(self, seed: int, rollouts: Sequence[Rollout]) -> None:
        """Keeps a seed."""
        if self._file is not None:
            with naming(Path(self._file.name)):
                self._file.write(_line(seed, rollouts))
                self._file.flush()
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Ends writing; the file stays."""
        if self._file is not None:
            self._file.close()


def open_journal(
    path: Path | None,
    environment: str,
    scenario: Scenario,
    agents: Sequence[Any],
    names: Sequence[str],
    console: Console | None,
) -> Journal:
    """The journal of an evaluation, with what an earlier one of the same agents and scenario has left in the file.

    Args:
        path: The file; None to keep nothing.
        environment: Name of the environment.
        scenario: Scenario.
        agents: Agents, as `make_agent` takes them. Where one is an object, it cannot be known again: nothing is kept.
        names: Their names.
        console: Where to say what was found.
    """
    if path is None or not all(isinstance(agent, str | Path) for agent in agents):
        return Journal({})
    head = json.dumps({"evaluation": _identity(environment, scenario, agents, names)}) + "\n"
    played = _read(path, head)
    if console is not None and path.is_file():
        found = f"{len(played)} seeds are there already" if played else "it is of another evaluation, and begins anew"
        console.print(f"{path}: {found}", markup=False, highlight=False)
    write_text(path, head + "".join(_line(*seed) for seed in played.items()))
    return Journal(played, path.open("a", encoding="utf-8"))


def _identity(environment: str, scenario: Scenario, agents: Sequence[Any], names: Sequence[str]) -> str:
    """Hash of everything that the episode of a seed depends on: agents, scenario and our own code."""
    digest = hashlib.sha256(repr((environment, scenario.content_hash(), list(map(str, agents)), list(names))).encode())
    for path in [*own_sources(), *(file for agent in agents for file in files_of(agent))]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def own_sources() -> list[Path]:
    """Our own code, sorted; some of its folders are links in a checkout."""
    walked = os.walk(Path(__file__).parent.parent, followlinks=True)
    return sorted(Path(folder, name) for folder, _, names in walked for name in names if name.endswith(".py"))


def _read(path: Path, head: str) -> dict[int, list[Rollout]]:
    """Seeds of the file if it begins with `head`; a line that was cut ends them."""
    try:
        first, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, ValueError):
        return {}
    played: dict[int, list[Rollout]] = {}
    for line in lines if first == head else ():
        try:
            seed, rollouts = json.loads(line)
            played[int(seed)] = [_rollout(values) for values in rollouts]
        except (ValueError, TypeError):
            break
    return played


def _line(seed: int, rollouts: Sequence[Rollout]) -> str:
    return json.dumps([seed, [rollout._asdict() for rollout in rollouts]], default=_plain) + "\n"


def _rollout(values: dict[str, Any]) -> Rollout:
    rollout = Rollout(**values)
    return rollout._replace(jct_s=np.array(rollout.jct_s, dtype=float))


def _plain(value: Any) -> Any:
    """Arrays and numbers of numpy as those of Python."""
    return value.tolist()
