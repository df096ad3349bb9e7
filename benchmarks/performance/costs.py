"""Tables of what something is made of."""

from collections.abc import Sequence

from benchmarks.speed.rows import Row, shown


def costs(rows: Sequence[Row]) -> str:
    """Parts that add up, each with its share."""
    whole = sum(row.median for row in rows)
    lines = ["| | time | share |", "|---|---:|---:|"]
    lines += [f"| {row.name} | {_time(row)} | {100.0 * row.median / whole:.0f} % |" for row in rows]
    return "\n".join(lines)


def ladder(rows: Sequence[Row]) -> str:
    """Rungs that each do more than the one before, with what is added."""
    lines, before = ["| | time | added |", "|---|---:|---:|"], 0.0
    for row in rows:
        lines.append(f"| {row.name} | {_time(row)} | {shown(row.median - before)} {row.unit} |")
        before = row.median
    return "\n".join(lines)


def _time(row: Row) -> str:
    return f"{shown(row.median)} {row.unit}"
