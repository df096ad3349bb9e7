"""Evaluates agents on the same programs.

Every agent meets the same seeds, and a seed draws the same programs under every agent (the hash of the workload is
checked), so agents are compared seed by seed: the difference to a reference agent has a far smaller interval than the
two means have.
"""

import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import track

from agentsim_env import Scenario, Simulator, load_scenario
from agentsim_env.agents import Agent, BundleAgent, ExportedPolicy, RuleAgent, make_agent
from agentsim_env.agents.advice import scenario_for
from agentsim_env.agents.loading import files_of
from agentsim_env.agents.numpy_policy import load_policy
from agentsim_env.agents.protocol import bind
from agentsim_env.errors import AgentSimWarning
from agentsim_env.policies.file import CONTAINERS
from agentsim_env.training.compiled import compiled_play
from agentsim_env.training.environments import find_environment, load, make_environment
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.journal import open_journal
from agentsim_env.training.ray_workers import run_on_ray
from agentsim_env.training.results import Results
from agentsim_env.training.rollouts import Rollout, play, roll_out, simulate
from agentsim_env.training.splits import TEST, workloads
from agentsim_env.training.workers import run_in_processes


class Contest(NamedTuple):
    """Everything that a worker needs to know.

    Attributes:
        environment: Name of the environment.
        scenario: Scenario.
        agents: Agents, as `make_agent` takes them.
        trust: See there.
    """

    environment: str
    scenario: Scenario
    agents: tuple[Any, ...]
    trust: bool = False


class EvaluationStopped(KeyboardInterrupt):
    """Somebody has stopped an evaluation.

    Attributes:
        results: The results on them; None if there are none yet.
        seeds: How many seeds were asked for.
    """

    def __init__(self, results: Results | None, seeds: int) -> None:
        super().__init__()
        self.results = results
        self.seeds = seeds


def evaluate(
    agents: Sequence[Any],
    *,
    scenario: Any = None,
    overrides: Sequence[str] = (),
    trace: str | Path | None = None,
    bundle: str | None = None,
    environment: str | None = None,
    seeds: int | Sequence[int] = 20,
    reference: str | None = None,
    jobs: int = 1,
    ray: str | None = None,
    console: Console | None = None,
    trust: bool = False,
    keep: Path | None = None,
) -> Results:
    """Runs every agent on every seed.

    Args:
        agents: What `agents.make_agent` takes: names of rules, paths, `module:function`, functions, agents.
        scenario: Name, path or scenario; None for that of the environment.
        overrides: `path=value` strings laid over the scenario.
        trace: Trace whose programs take the place of the scenario's.
        bundle: Bundle whose rules answer the other kinds of decision.
        environment: Name of the environment, which says what kind of decision the agents answer; None for that of the
            first exported policy among them, else `routing`.
        seeds: The seeds, or how many of the test seeds.
        reference: Name of the agent that the others are compared with; by default the scenario's own rule if it is
            among them, else the first.
        jobs: Processes.
        ray: Where Ray runs them: `local` or the address of a cluster, see `run_on_ray`; None for processes of our own.
        console: Where the progress bar goes; None for none.
        trust: Whether models may be loaded that are unpickled for it, which can run any code.
        keep: File for the finished seeds. Those that an earlier evaluation of the same has left there are not played
            again; `report.save` removes it. Nothing is kept where an agent is a Python object.

    Returns:
        The results, agent by agent and seed by seed.

    Raises:
        TrainingError: Something is out of range, or two agents have the same name.
        AgentError: There is no such agent.
        EvaluationStopped: Ctrl-C; it has the results on the finished seeds.
    """
    seeds = TEST.first(seeds) if isinstance(seeds, int) else tuple(seeds)
    if not seeds or len(set(seeds)) < len(seeds):
        raise TrainingError("seeds must be given, each once")
    if jobs < 1:
        raise TrainingError(f"jobs must be at least 1, not {jobs}")
    environment = environment or _environment_of(agents)
    found = find_environment(environment)
    made = [make_agent(agent, found.kinds, trust) for agent in agents]
    names = _names(made)
    loaded = load(scenario, overrides, trace, bundle, environment)
    notes = workloads(loaded, TEST).notes()
    elsewhere = _trained_elsewhere(made, loaded)
    if console is not None:
        for note in elsewhere:
            console.print(f"Note: {note}.", markup=False, highlight=False, soft_wrap=True)
    contest = Contest(environment, loaded, tuple(made) if jobs == 1 and ray is None else tuple(agents), trust)
    reference = _reference(reference, names, made, found.default_rule(loaded))
    journal = open_journal(keep, environment, loaded, agents, names, console)
    played = dict(journal.played)

    def results() -> Results:
        done = tuple(seed for seed in seeds if seed in played)
        return Results(environment, loaded, names, done, reference, [played[seed] for seed in done], notes + elsewhere)

    left = [seed for seed in seeds if seed not in played]
    try:
        with closing(journal), closing(_outcomes(contest, left, jobs, ray, console)) as outcomes:
            for seed, rollouts in outcomes:
                played[seed] = rollouts
                journal.add(seed, rollouts)
    except KeyboardInterrupt:
        raise EvaluationStopped(results() if played else None, len(seeds)) from None
    return results()


def _environment_of(agents: Sequence[Any]) -> str:
    """The environment that the first exported policy of some agents was trained for, as far as they say it."""
    for agent in agents:
        if isinstance(agent, str | Path):
            files = [file for file in files_of(agent) if file.suffix in CONTAINERS and file.is_file()]
            agent = load_policy(files[0]) if files else None
        if isinstance(agent, ExportedPolicy) and "environment" in agent.origin:
            return agent.origin["environment"]
    return "routing"


def _names(made: Sequence[Agent]) -> tuple[str, ...]:
    if not made:
        raise TrainingError("give at least one agent")
    names = tuple(agent.name for agent in made)
    for name in names:
        if not name.isprintable():
            raise TrainingError(f"an agent is named {name!r}: give it a name on one line, as in other=PATH")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TrainingError(f"two agents are named {twice[0]!r}: give one another name, as in other={twice[0]}")
    return names


def _trained_elsewhere(made: Sequence[Agent], scenario: Scenario) -> list[str]:
    """Which agents have learned on another scenario, as far as their files say on which."""
    notes = []
    for agent in made:
        origin = agent.origin.get("scenario") if isinstance(agent, ExportedPolicy) else None
        if origin is not None and origin != scenario_for(agent, scenario).content_hash():
            notes.append(f"{agent.name} was trained on another scenario than {scenario.name} as it is here")
    return notes


def _reference(wanted: str | None, names: Sequence[str], made: Sequence[Agent], default: str) -> str:
    if wanted is not None:
        if wanted not in names:
            raise TrainingError(f"the reference {wanted!r} is not among the agents: {', '.join(names)}")
        return wanted
    return next((agent.name for agent in made if isinstance(agent, RuleAgent) and agent.rule == default), names[0])


def _outcomes(
    contest: Contest, seeds: Sequence[int], jobs: int, ray: str | None, console: Console | None
) -> Generator[tuple[int, list[Rollout]]]:
    label = f"{_counted(len(contest.agents), 'agent')}, {_counted(len(seeds), 'seed')}"
    here = jobs == 1 and ray is None
    with closing(_run_here(contest, seeds) if here else _run_in_workers(contest, seeds, jobs, ray)) as outcomes:
        yield from track(outcomes, label, total=len(seeds), console=console, disable=console is None)


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _run_here(contest: Contest, seeds: Sequence[int]) -> Generator[tuple[int, list[Rollout]]]:
    if seeds:
        rollouts = Player(contest).rollouts
        for seed in seeds:
            yield seed, rollouts(seed)


def _run_in_workers(
    contest: Contest, seeds: Sequence[int], jobs: int, ray: str | None
) -> Generator[tuple[int, list[Rollout]]]:
    # The first seed here: what is compiled or measured for it, the workers find in the cache.
    yield from _run_here(contest, seeds[:1])
    if ray is None:
        yield from run_in_processes(make_player, contest, seeds[1:], jobs)
    elif len(seeds) > 1:
        yield from run_on_ray(make_player, contest, seeds[1:], ray, jobs)


def make_player(contest: Contest) -> Callable[[int], list[Rollout]]:
    """What runs the seeds of a contest in a process of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AgentSimWarning)  # the first seed, in the parent, has said it
        return Player(contest).rollouts


class Player:
    """Runs the agents of a contest on one seed after the other.

    Args:
        contest: The contest.
    """

    def __init__(self, contest: Contest) -> None:
        self._source = workloads(contest.scenario, TEST)
        self._name = contest.environment
        self._env = make_environment(self._name, contest.scenario)
        kinds = find_environment(contest.environment).kinds
        self._agents = [
            self._prepared(make_agent(agent, kinds, contest.trust), contest.scenario) for agent in contest.agents
        ]

    def _prepared(self, agent: Agent, scenario: Scenario) -> Callable[[int, Any], Rollout]:
        """What plays an agent: rules and policies in compiled code, any other one step by step."""
        if isinstance(agent, RuleAgent):
            # Load is a fraction of the capacity under the scenario's own rules, so its own source draws for all.
            return partial(simulate, Simulator(scenario, rules=agent.rules, source=self._source))
        if isinstance(agent, BundleAgent):
            return partial(simulate, Simulator(load_scenario(scenario, agent.changes), source=self._source))
        env = self._env_for(agent, scenario)
        bind(agent, env)
        player = compiled_play(agent, env)
        inner: Any = env.unwrapped
        return partial(roll_out, agent, env) if player is None else partial(play, player, inner.simulator)

    def _env_for(self, agent: Agent, scenario: Scenario) -> Any:
        """Where an agent acts; one that a rule advises has that rule in its place."""
        there = scenario_for(agent, scenario)
        return self._env if there is scenario else make_environment(self._name, there)

    def rollouts(self, seed: int) -> list[Rollout]:
        """One episode of each agent, all with the same programs.

        Raises:
            TrainingError: An agent has changed the programs; this would be a defect of the simulator.
        """
        programs = self._source.draw(seed)
        rollouts = [play_episode(seed, programs) for play_episode in self._agents]
        if len({rollout.workload_hash for rollout in rollouts}) > 1:
            raise TrainingError(f"seed {seed}: the agents did not have the same programs")
        return rollouts
