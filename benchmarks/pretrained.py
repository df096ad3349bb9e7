"""Makes a trained agent one that comes with the package: its policy, and the card that says what it is worth.

agentsim train routing --algo es --scenario unequal_gpus_tight --out runs/router
agentsim evaluate --scenario unequal_gpus_tight --seeds 60 --agents ... --out runs/router/test
python -m benchmarks.pretrained routing runs/router runs/router/test --cpu-s 130 --limit "..."
"""

import argparse
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentsim_env import Scenario
from agentsim_env.agents import load_policy
from agentsim_env.policies import pretrained
from agentsim_env.policies.file import card_of
from agentsim_env.training.config import RunConfig, load_run
from agentsim_env.training.files import read_json, write_json

_SHOWN = ("mean", "change", "change_low", "change_high", "wins")


def make(name: str, run: Path, evaluation: Path, cpu_s: float, limits: Sequence[str]) -> Path:
    """Writes policy and card into the package.

    Args:
        name: Name of the agent.
        run: Folder of its training.
        evaluation: Folder of its evaluation, in which it is the reference.
        cpu_s: CPU time of its training.
        limits: What it is not good for, a sentence each.

    Returns:
        The card.
    """
    config, scenario = load_run(run)
    policy = load_policy(run / "policy.safetensors", name)
    path = policy.save(pretrained.FOLDER / f"{name}.safetensors")
    card = card_of(path)
    trained = _training(config, scenario, run, cpu_s)
    content = json.loads(card.read_text(encoding="utf-8"))
    write_json(card, content | {"training": trained, "results": _results(evaluation), "limits": list(limits)})
    return card


def _training(config: RunConfig, scenario: Scenario, run: Path, cpu_s: float) -> dict[str, Any]:
    versions = read_json(run / "versions.json")
    return {
        "command": _anywhere((run / "command.txt").read_text(encoding="utf-8")),
        "scenario": scenario.name,
        "algo": config.algo,
        "seed": config.seed,
        "steps": config.steps,
        "cpu_s": cpu_s,
        "hyperparameters": config.hyperparameters,
        "versions": versions["packages"],
    }


def _anywhere(command: str) -> str:
    """A command without the program's path and its folders on the machine where it ran."""
    program, *words = shlex.split(command)
    words = [words[k] for k in range(len(words)) if "--out" not in (words[k], *words[k - 1 : k])]
    names = [
        word.replace(f"{Path(word.partition('=')[2]).parent}/", "runs/") if "=/" in word else word for word in words
    ]
    return shlex.join(["agentsim" if program.endswith(".py") else Path(program).name, *names])


def _results(evaluation: Path) -> dict[str, Any]:
    found = read_json(evaluation / "results.json")
    rows = [row for row in found["results"] if row["metric"] == "mean_jct_s"]
    return {
        "command": _anywhere(found["command"]),
        "scenario": found["scenario"],
        "scenario_hash": found["scenario_hash"],
        "seeds": len(found["seeds"]),
        "reference": found["reference"],
        "mean_jct_s": {row["agent"]: {name: row[name] for name in _SHOWN} for row in rows},
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("run", type=Path)
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("--cpu-s", type=float, required=True)
    parser.add_argument("--limit", action="append", default=[])
    given = parser.parse_args()
    print(make(given.name, given.run, given.evaluation, given.cpu_s, given.limit))


if __name__ == "__main__":
    main()
