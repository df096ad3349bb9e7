"""A validation as tables: on the terminal, in Markdown and in CSV."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agentsim_env.hardware.catalog import find_model
from agentsim_env.validation.command import Validation
from agentsim_env.validation.engine_description import EngineDescription
from agentsim_env.validation.errors import Difference, Outcome, relative, spreads
from agentsim_env.validation.timings import METRICS, OVER_ALL, STATISTICS

if TYPE_CHECKING:
    from rich.console import Console

LABELS = {"ttft_s": "TTFT", "tpot_s": "TPOT", "e2e_s": "end to end", "itl_s": "ITL", "tokens_per_s": "throughput"}
Cells = list[list[str]]


def runs_table(outcomes: Sequence[Outcome]) -> tuple[list[str], Cells]:
    """Runs with single requests: a row a metric, a column a statistic; errors, and the measured mean."""
    header = ["run", "metric", "measured mean", *STATISTICS, "single requests"]
    cells: Cells = []
    for outcome in outcomes:
        name = outcome.run.name
        single = {errors.metric: errors for errors in outcome.per_request}
        for metric in METRICS:
            mean = outcome.difference(metric, "mean")
            if mean is None:
                continue
            found = [outcome.difference(metric, statistic) for statistic in STATISTICS]
            each = single[metric]
            cells.append(
                [
                    name,
                    LABELS[metric],
                    shown(metric, mean.measured),
                    *(signed(one.error) if one else "" for one in found),
                    f"{size(each.mean)} ({size(each.p50)}, {size(each.p95)})",
                ]
            )
            name = ""
        total = outcome.difference("tokens_per_s", "total")
        if total is not None:
            measured = shown(total.metric, total.measured)
            cells.append(["", LABELS[total.metric], measured, signed(total.error), *[""] * len(STATISTICS)])
    return header, cells


def points_table(outcomes: Sequence[Outcome]) -> tuple[list[str], Cells]:
    """Operating points: a row a point; measured, simulated and error of each value."""
    measured = {(found.metric, found.statistic) for outcome in outcomes for found in outcome.differences}
    keys = sorted(measured, key=_order)
    header = ["point", *(f"{LABELS[metric]} {'' if name == 'total' else name}".strip() for metric, name in keys)]
    cells: Cells = []
    for outcome in outcomes:
        row = [outcome.run.name]
        for key in keys:
            found = outcome.difference(*key)
            row.append(_pair(found) if found else "")
        cells.append(row)
    return header, cells


def spreads_table(outcomes: Sequence[Outcome]) -> tuple[list[str], Cells]:
    """Errors over all points."""
    header = ["metric", "statistic", "points", "mean error", "bias", "worst"]
    cells = [
        [LABELS[s.metric], s.statistic, str(s.points), size(s.mean_size), signed(s.bias), signed(s.worst)]
        for s in sorted(spreads(tuple(outcomes)), key=lambda s: _order((s.metric, s.statistic)))
    ]
    return header, cells


def print_validation(result: Validation, console: "Console") -> None:
    """Print every run, and over several points their errors."""
    engine = result.engine
    runs, points = split(result.outcomes)
    title = f"{title_of(engine)}: simulated against measured"
    for outcome in runs:
        header, cells = runs_table([outcome])
        _print(console, f"{title}\n{outcome.run.name}", header[1:], [row[1:] for row in cells])
    if points:
        _print(console, title, *points_table(points))
        _print(console, f"{len(points)} points", *spreads_table(points))
    for line in result.left_out:
        console.print(line, style="dim", highlight=False)
    if any(outcome.replay.preemptions for outcome in result.outcomes):
        total = sum(outcome.replay.preemptions for outcome in result.outcomes)
        console.print(f"{total} preemptions in the simulation", style="dim", highlight=False)
    console.print(f"Constants of the engine chosen on: {engine.constants.chosen_on}", style="dim", highlight=False)


def markdown(result: Validation) -> str:
    """Every table in Markdown."""
    runs, points = split(result.outcomes)
    parts = []
    if runs:
        parts.append(as_markdown(*runs_table(runs)))
    if points:
        parts += [as_markdown(*spreads_table(points)), as_markdown(*points_table(points))]
    chosen = f"Constants of the engine chosen on: {result.engine.constants.chosen_on}."
    parts.append("\n".join([chosen, *result.left_out]))
    return "\n\n".join(parts) + "\n"


def as_markdown(header: Sequence[str], cells: Cells) -> str:
    """One table in Markdown."""
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    lines += [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join(lines)


def save(result: Validation, folder: Path) -> tuple[str, ...]:
    """Write validation.md, validation.csv, requests.csv (where there are single requests) and validation.png.

    Returns:
        Names of the files.
    """
    from agentsim_env.validation.picture import draw

    folder.mkdir(parents=True, exist_ok=True)
    engine = result.engine
    head = f"# {title_of(engine)}\n\n"
    (folder / "validation.md").write_text(head + markdown(result))
    _write(
        folder / "validation.csv",
        ("run", "file", "metric", "statistic", "measured", "simulated", "error"),
        [
            (o.run.name, o.run.file, d.metric, d.statistic, d.measured, d.simulated, d.error)
            for o in result.outcomes
            for d in o.differences
        ],
    )
    runs, _ = split(result.outcomes)
    names = ["validation.md", "validation.csv"]
    if runs:
        header = (
            "run",
            "arrival_s",
            "in",
            "out",
            *(f"{m}_{side}" for m in METRICS for side in ("measured", "simulated", "error")),
        )
        _write(folder / "requests.csv", header, [row for outcome in runs for row in _request_rows(outcome)])
        names.append("requests.csv")
    draw(result.outcomes, folder / "validation.png")
    return (*names, "validation.png")


def title_of(engine: EngineDescription) -> str:
    """What an engine is, in a line: of a model that is given by its path, the short name."""
    return f"{engine.gpu}, {find_model(engine.model).name}, tp {engine.tp}, {engine.dtype}"


def split(outcomes: Sequence[Outcome]) -> tuple[list[Outcome], list[Outcome]]:
    """Runs with single requests, and points."""
    return [o for o in outcomes if o.run.requests is not None], [o for o in outcomes if o.run.requests is None]


def shown(metric: str, value: float) -> str:
    """A value with its unit."""
    if metric == "tokens_per_s":
        return f"{value:,.0f} tokens/s"
    return f"{value:.3g} s" if value >= 10 else f"{1e3 * value:.4g} ms"


def signed(error: float) -> str:
    """A relative error in per cent, with its sign."""
    return f"{100 * error:+.1f} %"


def size(error: float) -> str:
    """A relative error in per cent, without a sign."""
    return f"{100 * error:.1f} %"


def _pair(found: Difference) -> str:
    measured, simulated = shown(found.metric, found.measured), shown(found.metric, found.simulated)
    return f"{measured} → {simulated} ({signed(found.error)})"


def _order(key: tuple[str, str]) -> tuple[int, int]:
    metrics, names = (*METRICS, *OVER_ALL), (*STATISTICS, "total")
    return metrics.index(key[0]), names.index(key[1])


def _request_rows(outcome: Outcome) -> list[tuple[object, ...]]:
    measured, simulated = outcome.run.requests, outcome.replay.requests
    assert measured is not None
    columns = [measured.arrival_s, measured.prompt_tokens, measured.output_tokens]
    for metric in METRICS:
        one, other = getattr(measured, metric), getattr(simulated, metric)
        columns += [one, other, relative(one, other)]
    return [(outcome.run.name, *(f"{value:.6g}" for value in row)) for row in np.column_stack(columns)]


def _write(file: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(header)
        writer.writerows(rows)


def _print(console: "Console", title: str, header: Sequence[str], cells: Cells) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, justify="left" if number == 0 else "right", overflow="fold")
    for row in cells:
        table.add_row(*row)
    console.print(table)
