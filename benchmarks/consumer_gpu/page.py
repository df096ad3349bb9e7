"""Writes docs/consumer_gpu.md: the text is in page.md beside this file, the tables are made from the rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.consumer_gpu.pairs import TIE, WITHIN, number, simulated
from benchmarks.consumer_gpu.rows import NAMES, Row

TEMPLATE = Path(__file__).parent / "page.md"


class Results(NamedTuple):
    """Everything that the page shows.

    Attributes:
        tasks: Rows of the twelve tasks, by model and paradigm.
        sweep: Rows of the sweep over agents.
        whole: TPOT p95 of whole prompts beside batches of 512, by model, paradigm and number of agents.
        slo: Shares within the objectives for 1, 2, ... agents by engine, by card, model and factor.
        seeds: Seeds of each cell.
    """

    tasks: Mapping[tuple[str, str], Sequence[Row]]
    sweep: Sequence[Row]
    whole: Mapping[tuple[str, str, int], Row]
    slo: Mapping[tuple[str, str, float], Mapping[str, Sequence[float]]]
    seeds: int


def page(results: Results) -> str:
    """The page, as Markdown."""
    sections = [
        "\n".join([f"### {model}, {paradigm}", "", *_task_table(model, rows)])
        for (model, paradigm), rows in results.tasks.items()
    ]
    return TEMPLATE.read_text(encoding="utf-8").format(
        seeds=results.seeds,
        within=f"{100 * WITHIN:.0f} %",
        tie=f"{100 * TIE:.0f} %",
        summary="\n".join(_summary(results)),
        tasks="\n\n".join(sections),
        sweep="\n".join(_sweep_table(results.sweep)),
        whole="\n".join(_whole_table(results.whole)),
        slo="\n".join(_slo_table(results.slo)),
    )


def _summary(results: Results) -> list[str]:
    rows = [row for table in results.tasks.values() for row in table]
    lines = ["| figure | order | size, vLLM | size, llama.cpp |", "|---|---:|---:|---:|"]
    for figure, name in NAMES.items():
        ours = [row for row in rows if row.figure == figure]
        cells = [_share([row.order for row in ours])]
        cells += [_share([row.pairs[engine].agrees for row in ours]) for engine in ("vLLM", "llama.cpp")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _share(verdicts: Sequence[bool | None]) -> str:
    known = [verdict for verdict in verdicts if verdict is not None]
    return f"{sum(known)} of {len(known)}" if known else "-"


def _task_table(model: str, rows: Sequence[Row]) -> list[str]:
    lines = ["| agents | figure | vLLM | simulated | llama.cpp | simulated | order | size | why |"]
    lines.append("|---:|---|---:|---:|---:|---:|---|---|---|")
    for row in rows:
        cells = [cell for pair in row.pairs.values() for cell in (number(pair.measured), simulated(pair))]
        order = {True: "yes", False: "no", None: "-"}[row.order]
        why = {_letter(model, engine, row.figure) for engine in row.missed}
        if row.order is False:
            why |= {_letter(model, "", row.figure)}
        lines.append(
            f"| {row.agents} | {NAMES[row.figure]} | {' | '.join(cells)} | {order} | {_size(row)} |"
            f" {', '.join(sorted(why)) or '-'} |"
        )
    return lines


def _size(row: Row) -> str:
    measured = [engine for engine, pair in row.pairs.items() if pair.measured is not None]
    agree = [engine for engine in measured if engine not in row.missed]
    if not measured:
        return "-"
    return "none" if not agree else "all" if len(agree) == len(measured) else ", ".join(agree)


def _letter(model: str, engine: str, figure: str) -> str:
    """Which reason of the text a miss has; without an engine one of the order."""
    if figure == "tok_per_s":
        return "a"
    if figure == "cold_ttft_ms":
        return "b"
    return "d" if engine == "llama.cpp" and model == "Qwen2.5-7B" else "c"


def _sweep_table(rows: Sequence[Row]) -> list[str]:
    lines = ["| agents | figure | llama.cpp | simulated, each its own | simulated, shared | size | why |"]
    lines.append("|---:|---|---:|---:|---:|---|---|")
    for row in rows:
        own, shared = row.pairs.values()
        why = "-" if not row.missed else "e, f" if row.figure == "tok_per_s" else "e"
        cells = [number(own.measured), simulated(own), simulated(shared)]
        lines.append(f"| {row.agents} | {NAMES[row.figure]} | {' | '.join(cells)} | {_size(row)} | {why} |")
    return lines


def _whole_table(rows: Mapping[tuple[str, str, int], Row]) -> list[str]:
    lines = ["| model, paradigm | agents | llama.cpp | whole prompts | batches of 512 |", "|---|---:|---:|---:|---:|"]
    for (model, paradigm, agents), row in rows.items():
        whole, batches = row.pairs.values()
        cells = [number(batches.measured), simulated(whole), simulated(batches)]
        lines.append(f"| {model}, {paradigm} | {agents} | {' | '.join(cells)} |")
    return lines


def _slo_table(shares: Mapping[tuple[str, str, float], Mapping[str, Sequence[float]]]) -> list[str]:
    lines = ["| card, model | factor | engine | 1 | 2 | 3 | 4 | 5 | 6 |", "|---|---:|---|" + "---:|" * 6]
    for (gpu, model, factor), engines in shares.items():
        for engine, values in engines.items():
            cells = " | ".join(f"{100 * value:.0f} %" for value in values)
            lines.append(f"| {gpu}, {model} | {factor:g} | {engine} | {cells} |")
    return lines
