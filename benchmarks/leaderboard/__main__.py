"""Verify the results in this folder and write `docs/leaderboard.md`: `python -m benchmarks.leaderboard`.

Of each result `--seeds` workloads are played again, by all of its agents. What does not come out to the bit, or needs
to run code of its maker, is not listed; the exit status is then 1. Agents that are files are looked for where the
result says, from the top of the repository.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from agentsim_env.training.benchmark.command import described
from agentsim_env.training.benchmark.outcome import Outcome, read_outcome
from agentsim_env.training.benchmark.verify import verify
from benchmarks.leaderboard.page import DOCS, RESULTS, page, refusal
from benchmarks.written_page import write_page


def verified(results: Mapping[str, Outcome], sample: int) -> tuple[dict[str, Outcome], list[str]]:
    """The results that hold, and why the others do not."""
    listed, refused = {}, []
    for name, outcome in results.items():
        reason = refusal(outcome)
        if reason is None:
            verdict = verify(outcome, sample)
            reason = None if verdict.holds else " ".join(described(verdict, outcome))
        if reason is None:
            listed[name] = outcome
        else:
            refused.append(f"{name}: {reason}")
    return listed, refused


def main(folder: Path = RESULTS) -> None:
    """Verifies and writes."""
    refused: list[str] = []

    def make(seeds: range) -> str:
        results = {path.name: read_outcome(path) for path in sorted(folder.glob("*.json"))}
        listed, reasons = verified(results, len(seeds))
        refused.extend(reasons)
        return page(listed)

    write_page(__doc__, DOCS / "leaderboard.md", make, seeds=10, episodes="workloads of each result to play again")
    for reason in refused:
        print(f"not listed: {reason}", file=sys.stderr)
    if refused:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
