"""Rows of the table: what was measured, and what it has to reach."""

from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

from benchmarks.measure import Rates


class Bar(NamedTuple):
    """A number that has to be reached.

    Attributes:
        limit: The number.
        at_least: Whether what is measured has to be at least that, or at most.
    """

    limit: float
    at_least: bool = True

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


class Row(NamedTuple):
    """A row.

    Attributes:
        name: What was measured; of a ratio, what is compared with what.
        unit: Unit of the values.
        values: A value for each round.
        bar: What their median has to reach; None if it is only shown.
    """

    name: str
    unit: str
    values: list[float]
    bar: Bar | None = None

    @property
    def median(self) -> float:
        """What counts."""
        return median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the bar is reached; None if there is none."""
        if self.bar is None:
            return None
        return self.median >= self.bar.limit if self.bar.at_least else self.median <= self.bar.limit

    def as_json(self) -> dict[str, Any]:
        """As values of JSON, with what follows from them."""
        bar = None if self.bar is None else self.bar._asdict()
        return self._asdict() | {"bar": bar, "median": self.median, "met": self.met}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Row":
        """What `as_json` has made."""
        bar = content["bar"]
        return cls(content["name"], content["unit"], content["values"], None if bar is None else Bar(**bar))


def rate_rows(rates: Rates, unit: str) -> list[Row]:
    """A row for each task."""
    return [Row(name, unit, list(values)) for name, values in rates.items()]


def ratio(rates: Rates, name: str, to: str, bar: Bar | None = None, called: str = "") -> Row:
    """A row with the ratio of two tasks in each round."""
    values = [one / other for one, other in zip(rates[name], rates[to], strict=True)]
    return Row(called or f"{name} / {to}", "x", values, bar)


def shown(value: float) -> str:
    """A value with four digits, or with all that stand before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"


def cells(row: Row) -> tuple[str, ...]:
    """A row as texts: name, median, least, most, unit, rounds, bar, verdict."""
    verdict = {True: "met", False: "missed", None: ""}[row.met]
    spread = (shown(min(row.values)), shown(max(row.values))) if len(row.values) > 1 else ("", "")
    bar = "" if row.bar is None else str(row.bar)
    return (row.name, shown(row.median), *spread, row.unit, str(len(row.values)), bar, verdict)


HEADINGS = ("", "median", "least", "most", "unit", "rounds", "bar", "")


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table in Markdown."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---|---:|---:|---:|---|---:|---:|---|"]
    return "\n".join([*lines, *("| " + " | ".join(cells(row)) + " |" for row in rows)])
