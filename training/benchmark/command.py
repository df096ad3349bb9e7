"""The commands `agentsim benchmark` and `agentsim verify`, behind their options."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from agentsim_env.agents.loading import split_agents, split_name
from agentsim_env.files import replacing, write_text
from agentsim_env.training.benchmark.outcome import Outcome, read_outcome
from agentsim_env.training.benchmark.profiles import save_profiles
from agentsim_env.training.benchmark.protocol import benchmark
from agentsim_env.training.benchmark.suite import find_suite, suites
from agentsim_env.training.benchmark.tables import markdown, print_outcome
from agentsim_env.training.benchmark.verify import Verdict, verify
from agentsim_env.training.errors import TrainingError


def benchmark_and_print(
    name: str,
    agents: str,
    out: Path,
    console: Console,
    *,
    seeds: int | None,
    traces: Path | None,
    jobs: int,
    ray: str | None = None,
    trust: bool,
) -> None:
    """Plays a suite, writes what came of it beside one another as JSON, Markdown and picture, and prints the scores."""
    if out.suffix != ".json":
        raise TrainingError(f"--out {out}: allowed: the path of a .json file; table and picture get its name")
    if traces is not None and not traces.is_dir():
        raise TrainingError(f"--traces {traces}: no such folder")
    named, suite = find_suite(name)
    listed = split_agents(agents)
    outcome = benchmark(
        named, suite.shortened(seeds), listed, out, traces=traces, jobs=jobs, ray=ray, trust=trust, console=console
    )
    save_report(outcome, out)
    print_outcome(outcome, console)
    console.print(f"Written: {out}, and beside it .md and .png; check it with: agentsim verify {out}", markup=False)


def save_report(outcome: Outcome, out: Path) -> None:
    """Writes table and picture beside the file of a benchmark."""
    write_text(out.with_suffix(".md"), markdown(outcome))
    with replacing(out.with_suffix(".png")) as draft:
        save_profiles(outcome, draft)


def verify_and_print(
    result: Path,
    console: Console,
    *,
    sample: int,
    seed: int,
    agents: str,
    traces: Path | None,
    jobs: int,
    trust: bool,
) -> bool:
    """Plays a part of a benchmark again and prints what was found; whether all of it came out again."""
    outcome = read_outcome(result)
    given = _places(split_agents(agents), outcome)
    verdict = verify(outcome, sample, seed=seed, agents=given, traces=traces, jobs=jobs, trust=trust, console=console)
    for line in described(verdict, outcome):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return verdict.holds


def described(verdict: Verdict, outcome: Outcome) -> list[str]:
    """What a verification has found, line by line."""
    lines = [
        *(f"Wrong: {text}." for text in verdict.wrong),
        *(f"Not played: {text}." for text in verdict.missing),
        *(f"Left out: {text}." for text in verdict.left_out),
        *(f"Differs: {text}." for text in verdict.differing),
        f"{verdict.reproduced} episodes came out again, to the bit."
        if verdict.reproduced
        else "No episode came out again.",
    ]
    if verdict.differing:
        packages = outcome.made.get("machine", {}).get("packages", {})
        lines.append(
            f"The result was made with {', '.join(f'{name} {version}' for name, version in packages.items())}."
        )
    return [*lines, "The result holds." if verdict.holds else "The result does not hold."]


def _places(given: Sequence[str], outcome: Outcome) -> dict[str, str]:
    """Where agents are, by name."""
    places = {}
    for text in given:
        name, place = split_name(text)
        known = [agent.name for agent in outcome.agents]
        if name not in known:
            raise TrainingError(f"--agents {text}: allowed: name=PATH for {', '.join(known) or 'none'}")
        places[name] = place
    return places


def print_suites(console: Console) -> None:
    """Lists the suites that come with the package."""
    for name in suites():
        suite = find_suite(name)[1]
        cases = ", ".join(case.name for case in suite.cases)
        console.print(f"{name} ({suite.environment}): {suite.description.strip()}", markup=False, highlight=False)
        console.print(f"    {cases}", markup=False, highlight=False)
