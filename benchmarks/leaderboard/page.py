"""The page of the leaderboard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentsim_env.prose import wrapped
from agentsim_env.training.benchmark.outcome import Outcome
from agentsim_env.training.benchmark.suite import OPPONENTS, find_suite, suites
from agentsim_env.training.benchmark.tables import SUITE_COLUMNS, seeds_in_words, suite_cells, table

RESULTS = Path(__file__).parent
DOCS = Path(__file__).resolve().parents[2] / "docs"

_HEAD = """# Leaderboard

<!-- Written by `python -m benchmarks.leaderboard` from benchmarks/leaderboard. Change that, not this page. -->

What agents reach on the suites of the [benchmark](benchmark.md). A score of 0 is what the stock rules of a suite reach,
1 what the best rules that are known do, and whoever is above 1 beats them. Each result was verified before it was
listed: a part of it was played again and came out to the bit. [CONTRIBUTING](../CONTRIBUTING.md#the-leaderboard) says
how to hand one in.
"""


def page(results: Mapping[str, Outcome]) -> str:
    """The page, a section for each suite that somebody has played.

    Args:
        results: Results to list, by the names of their files.
    """
    sections = [_HEAD]
    for name in suites():
        found = {file: outcome for file, outcome in results.items() if outcome.name == name}
        if found:
            sections.append(_section(name, found))
    return wrapped("\n".join(sections))


def refusal(outcome: Outcome) -> str | None:
    """Why a result cannot be listed whatever its figures are; None if it can."""
    if outcome.name not in suites():
        return f"{outcome.name} is no suite that comes with the package"
    if outcome.suite_hash != find_suite(outcome.name)[1].content_hash():
        return f"it is not of the suite {outcome.name} as it is now, or not of all of its seeds"
    return None


def _section(name: str, results: Mapping[str, Outcome]) -> str:
    first = next(iter(results.values()))
    rows: dict[tuple[Any, ...], tuple[float, list[str]]] = {}
    for file, outcome in results.items():
        for row in outcome.scores["suite"]:
            is_opponent = row["agent"] in OPPONENTS
            cells = [*suite_cells(row), "" if is_opponent else f"[{file}](../benchmarks/leaderboard/{file})"]
            score = row["score"]["estimate"]
            rows.setdefault(tuple(cells), (float("-inf") if score is None else score, cells))
    ordered = [cells for _, cells in sorted(rows.values(), key=lambda entry: -entry[0])]
    lines = [f"## {name}", "", first.suite.description.strip(), "", f"{seeds_in_words(first)}.", ""]
    lines += table((*SUITE_COLUMNS, "result"), ordered)
    lines += [""]
    lines += [_made(file, outcome) for file, outcome in results.items()]
    return "\n".join(lines) + "\n"


def _made(file: str, outcome: Outcome) -> str:
    """By what a result was made."""
    machine = outcome.made.get("machine", {})
    versions = machine.get("packages", {})
    left_out = f" Without {', '.join(outcome.skipped)}." if outcome.skipped else ""
    version = versions.get("agentsim-env")
    return f"* `{file}`: {outcome.made.get('date')}, agentsim-env {version}, {machine.get('cpu')}.{left_out}"
