"""Cold starts: the first environment in an empty cache, the others after it, and one that finds everything."""

from benchmarks.cold_start import ENVIRONMENTS, Start, one_round
from benchmarks.speed.parts import Report
from benchmarks.speed.rows import Bar, Row

BARS = {"empty cache": 25.0, "after the first": 8.0, "warm": 1.5}
"""CPU seconds, by how the name of a start ends."""


def measure(rounds: int, quick: bool, report: Report) -> None:
    """See the module."""
    environments = list(ENVIRONMENTS)[: 2 if quick else None]
    found: dict[str, list[Start]] = {}
    for _ in range(rounds):
        for name, start in one_round(environments):
            found.setdefault(name, []).append(start)
            report([_row(name, starts) for name, starts in found.items()])


def _row(name: str, starts: list[Start]) -> Row:
    if name.endswith("two cores"):
        return Row(name, "s", [start.wall_s for start in starts])
    limit = BARS.get(name.rpartition(", ")[2])
    bar = None if limit is None else Bar(limit, at_least=False)
    return Row(name, "CPU s", [start.cpu_s for start in starts], bar)
