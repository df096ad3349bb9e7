"""Plays episodes and writes them as a data set."""

import re
import shutil
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from typing import Any

import yaml
from rich.console import Console
from rich.progress import track

from agentsim_env import Scenario
from agentsim_env.agents.protocol import bind, candidates_of
from agentsim_env.envs.splits import SPLITS, TEST
from agentsim_env.training.benchmark.identity import hashes
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.lock import locked
from agentsim_env.training.manifest import command, describe_machine
from agentsim_env.training.offline.episode import Episode, record
from agentsim_env.training.offline.player import Cast, agent_of, cast, make_player, make_split_environment
from agentsim_env.training.offline.rollouts import make_go_on
from agentsim_env.training.offline.store import OURS, DataSet, find, folder_of, write
from agentsim_env.training.offline.unfinished import Unfinished
from agentsim_env.training.workers import run_in_processes


def collect(
    environment: str,
    scenario: Scenario,
    agent: str,
    *,
    episodes: int = 50,
    first: int = 0,
    split: str = "train",
    allow_test: bool = False,
    name: str | None = None,
    rollouts: bool = False,
    jobs: int = 1,
    trust: bool = False,
    console: Console | None = None,
) -> DataSet:
    """Plays the first episodes of a split by an agent, and writes them where Minari looks for data sets.

    Args:
        environment: Name of the environment.
        scenario: The scenario.
        agent: What plays, as `make_agent` takes it on the command line.
        episodes: How many.
        first: Number of the first one within the split.
        split: Name of the split that they are from.
        allow_test: Whether that may be the test split.
        name: Id of the data set; by default it is made of environment, agent and scenario.
        rollouts: Try every answer to each decision to the end of the episode, and keep what it costs.
        jobs: Processes; the data are the same for any number.
        trust: Whether models may be loaded that are unpickled for it, which can run any code.
        console: Where the progress bar goes; None for none.

    Returns:
        The data set. An interrupted call goes on where another with the same arguments finds its episodes.

    Raises:
        TrainingError: The test split without `allow_test`, or there is a data set of this name already.
        AgentError: There is no such agent, or it cannot act here.
    """
    _check_split(split, allow_test)
    played = cast(environment, scenario, agent, split, rollouts, trust)
    env, actor = make_split_environment(played), agent_of(played)
    bind(actor, env)
    go_on = make_go_on(actor, env) if rollouts else None
    name = name or default_name(environment, actor.name, scenario.name)
    folder = folder_of(name)
    if folder.exists():
        raise TrainingError(f"--name {name}: there is one already, in {folder}; allowed: another name or version")
    work = folder.with_name(f".{folder.name}.unfinished")
    work.mkdir(parents=True, exist_ok=True)
    numbers = range(first, first + episodes)
    with closing(env), locked(work):
        kept = Unfinished(work, played)
        left = [number for number in numbers if not kept.has(number)]
        if console is not None and len(left) < episodes:
            console.print(f"{episodes - len(left)} episodes are there already", markup=False, highlight=False)
        with closing(_play(played, partial(record, actor, env, go_on=go_on), left, jobs)) as episodes_played:
            label = f"{actor.name}, {len(left)} episodes"
            for one in track(episodes_played, label, len(left), console=console, disable=console is None):
                kept.keep(one.number, one)
        about = _about(played, env, actor.name, agent)
        write(folder, work / "dataset", env, kept.read(numbers), _metadata(name, actor.name, about))
    shutil.rmtree(work)
    return find(name)


def default_name(environment: str, agent: str, scenario: str) -> str:
    """Id of a data set that was given none."""
    return f"{OURS}/{'-'.join(re.sub(r'[^-_A-Za-z0-9]+', '_', part) for part in (environment, agent, scenario))}-v0"


def _check_split(split: str, allow_test: bool) -> None:
    if split not in SPLITS:
        raise TrainingError(f"--split {split}: allowed: {', '.join(SPLITS)}")
    if split == TEST.name and not allow_test:
        raise TrainingError(
            "--split test: nothing may be learned from the workloads that agents are compared on; allowed: train,"
            " validation, and test with --allow-test, for what learns nothing"
        )


def _play(played: Cast, play: Callable[[int], Episode], numbers: list[int], jobs: int) -> Generator[Episode]:
    # The first one here: what is compiled for it the other processes find in the cache.
    for number in numbers if jobs == 1 else numbers[:1]:
        yield play(number)
    if jobs > 1:
        with closing(run_in_processes(make_player, played, numbers[1:], jobs)) as results:
            yield from (episode for _, episode in results)


def _about(played: Cast, env: Any, agent: str, source: str) -> dict[str, Any]:
    """What Minari has no place for: what the episodes are of, so that somebody can play them again."""
    candidates = candidates_of(env)
    return {
        "environment": played.environment,
        "agent": agent,
        "agent_source": source,
        "agent_files": hashes(source),
        "split": played.split,
        "rollouts": played.rollouts,
        "scenario": yaml.safe_dump(played.scenario.model_dump(mode="json", exclude_unset=True), sort_keys=False),
        "scenario_name": played.scenario.name,
        "scenario_hash": played.scenario.content_hash(),
        "feature_names": list(candidates.feature_names),
        "rows": candidates.n_rows,
        "actions": candidates.n_actions,
        "allowed_feature": candidates.allowed_feature,
        "command": command(),
        "machine": describe_machine(),
    }


def _metadata(name: str, agent: str, about: dict[str, Any]) -> dict[str, Any]:
    import minari

    version = about["machine"]["packages"]["agentsim-env"]
    return {
        "dataset_id": name,
        "minari_version": minari.__version__,
        "algorithm_name": agent,
        "description": f"{about['environment']} in {about['scenario_name']}, played by {agent}",
        "requirements": [] if version is None else [f"agentsim-env=={version}"],
        OURS: about,
    }
