"""Plays a suite: every case with the same agents, each on the same programs."""

import platform
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from agentsim_env import Scenario
from agentsim_env.agents import Agent, AgentError, BundleAgent, RuleAgent, make_agent
from agentsim_env.agents.advice import scenario_for
from agentsim_env.agents.loading import split_name
from agentsim_env.agents.protocol import bind
from agentsim_env.errors import AgentSimError
from agentsim_env.training.benchmark.identity import contestant
from agentsim_env.training.benchmark.outcome import Contestant, Outcome, Played, played, write_outcome
from agentsim_env.training.benchmark.scores import scores_of
from agentsim_env.training.benchmark.suite import BEST, OPPONENTS, STOCK, Case, Suite
from agentsim_env.training.environments import find_environment, make_environment
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.evaluate import evaluate
from agentsim_env.training.manifest import command, describe_machine
from agentsim_env.training.ray_workers import connected


def benchmark(
    name: str,
    suite: Suite,
    agents: Sequence[str],
    out: Path,
    *,
    traces: Path | None = None,
    jobs: int = 1,
    ray: str | None = None,
    trust: bool = False,
    console: Console | None = None,
) -> Outcome:
    """Plays every case of a suite that can be played here, and writes what came of it.

    Args:
        name: Name of the suite.
        suite: The suite.
        agents: Agents, as an evaluation takes them on the command line.
        out: The file of the result. Beside it, until it is written, is a folder with the seeds that are done; those of
            the same suite, agents and version are not played again.
        traces: Folder of the traces that cases may name.
        jobs: Processes; the results are the same bits for any number.
        ray: Where Ray runs them, see `evaluate`; the bits are the same.
        trust: Whether models may be loaded that are unpickled for it, which can run any code.
        console: Where to say how far it is; None for silence.

    Raises:
        TrainingError: No case can be played here, or the names of agents do not do.
        AgentError: There is no such agent, or one cannot act in a case.
        EvaluationStopped: Ctrl-C; what is done is kept.
    """
    skipped = {case.name: reason for case in suite.cases if (reason := case.missing(traces)) is not None}
    left = [case for case in suite.cases if case.name not in skipped]
    for case, reason in skipped.items():
        _say(console, f"{case} is left out: it {reason}")
    if not left:
        raise TrainingError(f"{name}: no case can be played here: {'; '.join(map(' '.join, skipped.items()))}")
    scenarios = [_loaded(case, traces) for case in left]
    contestants = _contestants(suite, agents, trust)
    _check_that_all_can_act(suite, left, scenarios, contestants, trust)
    made = _made()
    kept = unfinished(out)
    done = []
    how: dict[str, Any] = {"jobs": jobs, "ray": ray, "trust": trust, "console": console}
    with nullcontext() if ray is None else connected(ray, jobs):
        for case, scenario in zip(left, scenarios, strict=True):
            _say(console, f"{name}: {case.name}")
            keep = kept / f"{case.name}.jsonl"
            done.append(play(suite, case, scenario, contestants, case.seeds, keep=keep, **how))
    names = [*OPPONENTS, *(agent.name for agent in contestants)]
    outcome = Outcome(
        name=name,
        suite=suite,
        suite_hash=suite.content_hash(),
        agents=contestants,
        played=tuple(done),
        skipped=skipped,
        scores=scores_of(done, names),
        made=made,
    )
    write_outcome(outcome, out)
    shutil.rmtree(kept, ignore_errors=True)
    return outcome


def play(
    suite: Suite,
    case: Case,
    scenario: Scenario,
    contestants: Sequence[Contestant],
    seeds: int | Sequence[int],
    *,
    keep: Path | None = None,
    jobs: int = 1,
    ray: str | None = None,
    trust: bool = False,
    console: Console | None = None,
) -> Played:
    """Plays seeds of a case: its opponents, and some agents."""
    results = evaluate(
        [
            f"{STOCK}={suite.stock}",
            f"{BEST}={case.opponent}",
            *(f"{agent.name}={agent.source}" for agent in contestants),
        ],
        scenario=scenario,
        environment=suite.environment,
        seeds=seeds,
        reference=STOCK,
        jobs=jobs,
        ray=ray,
        console=console,
        trust=trust,
        keep=keep,
    )
    return played(case.name, results)


def unfinished(out: Path) -> Path:
    """Folder of the seeds that are done, while a benchmark is not."""
    return out.with_name(f"{out.stem}.unfinished")


def _loaded(case: Case, traces: Path | None) -> Scenario:
    with _in_case(case):
        return case.load(traces)


@contextmanager
def _in_case(case: Case) -> Iterator[None]:
    """Errors in the block say which case they are of."""
    try:
        yield
    except AgentSimError as error:
        raise TrainingError(f"case {case.name}: {error}") from None


def _contestants(suite: Suite, agents: Sequence[str], trust: bool) -> tuple[Contestant, ...]:
    found = []
    for source in agents:
        made = make_agent(source, find_environment(suite.environment).kinds, trust)
        found.append(contestant(_named(made.name), split_name(source)[1]))
    return tuple(found)


def _named(name: str) -> str:
    if name in OPPONENTS or "=" in name:
        allowed = f"any name without = but {STOCK} and {BEST}, which are the suite's own"
        raise TrainingError(f"an agent is named {name!r}; allowed: {allowed}; say other=AGENT")
    return name


def _check_that_all_can_act(
    suite: Suite, cases: Sequence[Case], scenarios: Sequence[Scenario], agents: Sequence[Contestant], trust: bool
) -> None:
    """Refuses what cannot act somewhere before anything is played."""
    kinds = find_environment(suite.environment).kinds
    made = [make_agent(f"{agent.name}={agent.source}", kinds, trust) for agent in agents]
    asked = [agent for agent in made if not isinstance(agent, RuleAgent | BundleAgent)]
    for case, scenario in zip(cases, scenarios, strict=True) if asked else ():
        for agent in asked:
            env = make_environment(suite.environment, scenario_for(agent, scenario))
            _bind(agent, env, case)
            env.close()


def _bind(agent: Agent, env: Any, case: Case) -> None:
    try:
        bind(agent, env)
    except AgentError as error:
        raise AgentError(f"{agent.name} cannot act in case {case.name}: {error}") from None


def _made() -> dict[str, Any]:
    # Which kernel it was is nobody's concern where results are handed on.
    machine = {**describe_machine(), "platform": f"{platform.system()} {platform.machine()}"}
    return {"command": command(), "date": datetime.now(UTC).date().isoformat(), "machine": machine}


def _say(console: Console | None, text: str) -> None:
    if console is not None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)
