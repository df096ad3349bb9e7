"""The report of an episode: a few tables, for the terminal and in Markdown."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from agentsim_env.metrics.mechanisms import counters, idle_rules
from agentsim_env.metrics.objectives import objectives_of
from agentsim_env.metrics.summary import QUANTILES, summarise
from agentsim_env.metrics.token_seconds import TOKEN_SECONDS

if TYPE_CHECKING:
    from rich.console import Console

    from agentsim_env.metrics.records import Records
    from agentsim_env.scenario.episode import Slo

ABSENT = "-"
WIDE = 8
"""Columns from which on a table is set tightly: 80 columns of a terminal are to be enough."""

PLAIN = {
    "holds": "programs held at admission",
    "pauses": "pauses of programs",
    "reordered": "turns out of order",
    "held_back": "queues held back",
}
"""Counters whose names do not say enough by themselves."""

MOST_ROWS = 16
"""Instances that have a row of their own; of a larger cluster, equal ones are put together."""


class ReportTable(NamedTuple):
    """A table of text.

    Attributes:
        title: What it is about.
        columns: Headings, maybe of two lines; the first column is text, the others are numbers.
        rows: Cells.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def print_report(records: "Records", slo: "Slo | None" = None, console: "Console | None" = None) -> None:
    """Print the report.

    Args:
        records: The episode.
        slo: Objectives; by default those in the records' metadata.
        console: Where to; by default the terminal.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = console or Console()
    console.print(heading(records), highlight=False, soft_wrap=True)
    for note in notes(records):
        console.print(note, highlight=False, markup=False, soft_wrap=True)
    for content in tables(records, slo):
        console.print(content.title, style="bold", highlight=False, soft_wrap=True)
        space = 1 if len(content.columns) < WIDE else 0
        table = Table(box=SIMPLE_HEAD, padding=(0, space, 0, 0), show_edge=False)
        for i, column in enumerate(content.columns):
            table.add_column(column, justify="right" if i else "left", no_wrap=True)
        for row in content.rows:
            table.add_row(*row)
        console.print(table)
        console.print()


def markdown(records: "Records", slo: "Slo | None" = None) -> str:
    """The report as Markdown."""
    parts = [heading(records), *(note.replace("\n", "  \n") for note in notes(records))]
    for table in tables(records, slo):
        marks = ["---", *["---:"] * (len(table.columns) - 1)]
        headings = [" ".join(column.replace("-\n", "").split()) for column in table.columns]
        lines = [_line(cells) for cells in (headings, marks, *table.rows)]
        parts.append("\n".join([f"**{table.title}**", "", *lines]))
    return "\n\n".join(parts) + "\n"


def heading(records: "Records") -> str:
    """One line on what was run."""
    known = records.metadata
    rules = known.get("rules", {})
    parts = [
        str(known.get("scenario", "episode")),
        f"seed {known['seed']}" if "seed" in known else "",
        f"bundle {known['bundle']}" if known.get("bundle") else "",
        f"route_turn: {rules['route_turn']}" if "route_turn" in rules else "",
        f"answered from outside: {', '.join(known['agent_kinds'])}" if known.get("agent_kinds") else "",
        "latency estimated, not measured" if known.get("estimated") else "",
    ]
    return " · ".join(part for part in parts if part)


def notes(records: "Records") -> list[str]:
    """What has to be known about the workload: its trace, what its load means, and why programs failed."""
    known = records.metadata
    found = [known[name] for name in ("trace", "load") if name in known]
    if failed := int((records.programs["state"] == "failed").sum()):
        longest = known.get("longest_context") or f"{known.get('longest_context_tokens', 0):,} tokens"
        fits = f": no instance takes more than {longest}" if "longest_context_tokens" in known else ""
        hint = "; workload.trace.max_context_tokens cuts such programs off" if "trace" in known else ""
        found.append(f"{failed:,} programs failed at a turn whose context fits on no instance{fits}{hint}")
    for kind, rule, shown in idle_rules(records):
        found.append(f"{kind}: {rule} never did what it is for: no {' or '.join(_words(name) for name in shown)}")
    return found


def _words(name: str) -> str:
    return PLAIN.get(name, name.replace("_", " "))


def tables(records: "Records", slo: "Slo | None" = None) -> list[ReportTable]:
    """The report: totals, latency, service levels, instances."""
    figures = summarise(records, slo)
    return [
        _totals(records, figures),
        _latency(figures),
        _service(records, figures, slo),
        *_memory(figures),
        *_mechanisms(records),
        _instances(records),
    ]


def _totals(records: "Records", figures: dict[str, float]) -> ReportTable:
    warmup = len(records.programs) - int(figures["programs"])
    rows = [
        ("programs done", _number(figures["programs_done"]), _rate(figures, "programs_per_s")),
        *(
            (f"programs {state}", _number(figures[f"programs_{state}"]), "")
            for state in ("failed", "rejected", "unfinished")
            if figures[f"programs_{state}"]
        ),
        ("turns", _number(figures["turns"]), _rate(figures, "turns_per_s")),
        ("prompt tokens", _number(figures["prompt_tokens"]), _rate(figures, "prompt_tokens_per_s")),
        ("output tokens", _number(figures["output_tokens"]), _rate(figures, "output_tokens_per_s")),
        ("recomputed tokens", _number(figures["recomputed_tokens"]), ""),
        ("hit rate", _show(figures, "hit_rate", 1, 100.0, " %"), ""),
        *(
            [("hit rate of re-admissions", _show(figures, "readmission_hit_rate", 1, 100.0, " %"), "")]
            if "readmission_hit_rate" in figures
            else []
        ),
        ("preemptions", _number(figures["preemptions"]), ""),
        ("makespan", f"{figures['makespan_s']:,.1f} s", ""),
        ("mean gap time", _show(figures, "mean_gap_s", 1, 1.0, " s"), ""),
        ("mean ideal JCT", _show(figures, "mean_ideal_s", 1, 1.0, " s"), ""),
        *(
            (f"mean time {how}", _show(figures, f"mean_{how}_s", 1, 1.0, " s"), "")
            for how in ("held", "paused")
            if figures.get(f"mean_{how}_s")
        ),
        ("utilisation", _show(figures, "utilisation", 1, 100.0, " %"), ""),
        (
            "cost",
            _show(figures, "cost_usd", 2, 1.0, " USD"),
            _show(figures, "cost_usd_per_1k_programs", 2, 1.0, " / 1k programs"),
        ),
    ]
    title = "Workload" if not warmup else f"Workload, without {warmup} warm-up programs"
    return ReportTable(title, ("", "total", "per second"), rows)


def _latency(figures: dict[str, float]) -> ReportTable:
    metrics = (
        ("JCT (s)", "jct_s", 1, 1.0),
        ("slowdown", "slowdown", 2, 1.0),
        ("TTFT (ms)", "ttft_s", 0, 1e3),
        ("TPOT (ms)", "tpot_s", 1, 1e3),
        ("queueing (ms)", "queueing_s", 0, 1e3),
    )
    labels = ("mean", *QUANTILES)
    if "steps" in figures:
        metrics = (*metrics, ("step (s)", "step_s", 2, 1.0), ("stall of a step (s)", "step_stall_s", 2, 1.0))
    rows = [
        (heading, *(_show(figures, f"{label}_{name}", digits, scale) for label in labels))
        for heading, name, digits, scale in metrics
    ]
    return ReportTable("Latency", ("", *labels), rows)


def _service(records: "Records", figures: dict[str, float], slo: "Slo | None") -> ReportTable:
    limits = objectives_of(records, slo).given()
    names = {"ttft_s": "TTFT ≤ {:g} s", "tpot_s": "TPOT ≤ {:g} s", "slowdown": "slowdown ≤ {:g}"}
    asked = ", ".join(names[name].format(limit) for name, limit in limits.items()) or "none given"
    rows = [
        (kind, _show(figures, f"{kind}_in_slo", 1, 100.0, " %"), _rate(figures, f"goodput_{kind}_per_s"))
        for kind in ("programs", "turns")
    ]
    if "deadlines_met" in figures:
        rows.append(("deadlines", _show(figures, "deadlines_met", 1, 100.0, " %"), ""))
    return ReportTable(f"Service levels: {asked}", ("", "met", "goodput per second"), rows)


def _memory(figures: dict[str, float]) -> list[ReportTable]:
    """What KV was held for, if that was added up."""
    held = {words: figures.get(f"{kind}_token_s", 0.0) for kind, words in TOKEN_SECONDS.items()}
    total = sum(held.values())
    rows = [(words, _short(token_s), f"{100.0 * token_s / total:.1f} %") for words, token_s in held.items() if total]
    return [ReportTable("KV memory over time, warm-up included", ("", "token-seconds", "share"), rows)] if rows else []


def _mechanisms(records: "Records") -> list[ReportTable]:
    """What rules have done, as far as they have done anything."""
    rows = [(_words(name), _number(count)) for name, count in counters(records).items() if count]
    return [ReportTable("Mechanisms, warm-up included", ("", "count"), rows)] if rows else []


def _instances(records: "Records") -> ReportTable:
    rows = [
        _instance_row(number, records.instances[list(members)])
        for number, members in _groups(records.instances).items()
    ]
    columns = (
        "instance",
        "busy",
        "turns",
        "prefill\ntokens",
        "decode\ntokens",
        "hit\nrate",
        "pre-\nempts",
        "evicted\nblocks",
        "KV\npeak",
        "USD",
    )
    return ReportTable("Instances, warm-up included", columns, rows)


def _groups(instances: np.ndarray) -> dict[str, list[int]]:
    """Rows of the table: each instance, or in a large cluster the instances of each kind."""
    groups: dict[str, list[int]] = {}
    for i, row in enumerate(instances):
        kind = f"{row['gpu']} x {row['tp']}" if row["tp"] > 1 else str(row["gpu"])
        groups.setdefault(kind if len(instances) > MOST_ROWS else f"{i} {kind}", []).append(i)
    if len(instances) > MOST_ROWS:
        return {f"{len(members)} of {kind}": members for kind, members in groups.items()}
    return groups


def _instance_row(name: str, rows: np.ndarray) -> tuple[str, ...]:
    up_s, looked_up = float(rows["up_s"].sum()), int(rows["lookup_tokens"].sum())
    return (
        name,
        f"{100.0 * float(rows['busy_s'].sum()) / up_s:.1f} %" if up_s else ABSENT,
        *(_short(float(rows[column].sum())) for column in ("turns", "prefill_tokens", "decode_tokens")),
        f"{100.0 * int(rows['hit_tokens'].sum()) / looked_up:.1f} %" if looked_up else ABSENT,
        *(_short(float(rows[column].sum())) for column in ("preemptions", "evicted_blocks")),
        f"{100.0 * float((rows['peak_blocks'] / rows['capacity_blocks']).max()):.0f} %",
        f"{float(rows['cost_usd'].sum()):,.2f}",
    )


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _short(value: float) -> str:
    """A count in at most six characters."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            scaled = value / size
            return f"{scaled:.{0 if scaled >= 100 else 1}f} {unit}"
    return _number(value)


def _rate(figures: dict[str, float], name: str) -> str:
    """A rate with three digits that say something."""
    if name not in figures:
        return ABSENT
    value = figures[name]
    return f"{value:.3g}" if value < 100.0 else _number(value)


def _show(figures: dict[str, float], name: str, digits: int, scale: float = 1.0, unit: str = "") -> str:
    return f"{figures[name] * scale:,.{digits}f}{unit}" if name in figures else ABSENT


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"
