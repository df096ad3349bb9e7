"""Writes docs/performance.md: the text is in page.md beside this file, the tables are what was measured last."""

from pathlib import Path
from typing import Any

from agentsim_env.files import write_text
from agentsim_env.prose import wrapped
from benchmarks.files import RESULTS, read_json
from benchmarks.performance.costs import costs, ladder
from benchmarks.performance.long_run import long_run
from benchmarks.performance.peers import factor, peers
from benchmarks.speed.parts import PARTS
from benchmarks.speed.rows import Row, markdown, shown
from benchmarks.speed.sizes import MOST_PROGRAMS, PER_INSTANCE, VECTOR

TEMPLATE = Path(__file__).parent / "page.md"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"

Results = dict[str, Any]
"""What `benchmarks.speed` has measured, by part."""


def write_page() -> Path:
    """Writes the page; where it is."""
    write_text(PAGE, page(RESULTS))
    return PAGE


def page(folder: Path) -> str:
    """The page, as Markdown, from a folder of results."""
    parts: Results = (read_json(folder / "speed.json") or {}).get("parts", {})
    found = read_json(folder / "peers.json")
    text = TEMPLATE.read_text(encoding="utf-8").format(
        machine=_machine(parts),
        bars=_bars(parts),
        **{name: _table(parts, name) for name in PARTS if name != "profile"},
        **_profile(parts),
        peers=peers(found),
        factor=factor(found),
        long_run=long_run(read_json(folder / "long_run.json")),
        subprocesses=VECTOR,
        per_instance=PER_INSTANCE,
        most=f"{MOST_PROGRAMS:,}",
    )
    return wrapped(text)


def _rows(parts: Results, name: str) -> list[Row]:
    return [Row.from_json(content) for content in parts.get(name, {"rows": []})["rows"]]


def _machine(parts: Results) -> str:
    """What was measured where and when."""
    lines = ["| part | processor | cores | Python, NumPy, numba | measured | took |", "|---|---|---:|---|---|---:|"]
    for name, part in parts.items():
        where = part["machine"]
        versions = ", ".join([where["python"], *(where["packages"][package] for package in ("numpy", "numba"))])
        took = f"{part['seconds']:.0f} s" + (f", {part['problem']}" if part["problem"] else "")
        lines.append(f"| {name} | {where['cpu']} | {where['cores']} | {versions} | {where['date']} | {took} |")
    return "\n".join(lines)


def _bars(parts: Results) -> str:
    """All rows that have a bar."""
    lines = ["| | measured | bar | |", "|---|---:|---:|---|"]
    for name in PARTS:
        for row in _rows(parts, name):
            if row.bar is not None:
                verdict = "met" if row.met else "**missed**"
                lines.append(f"| {row.name} | {shown(row.median)} {row.unit} | {row.bar} | {verdict} |")
    return "\n".join(lines)


def _table(parts: Results, name: str) -> str:
    rows = _rows(parts, name)
    return markdown(rows) if rows else f"Not measured yet: `python -m benchmarks.speed --only {name}`."


def _profile(parts: Results) -> dict[str, str]:
    """Tables of the profile: what a turn, a step, a batched step and frames are made of."""
    groups: dict[str, list[Row]] = {}
    for row in _rows(parts, "profile"):
        what, _, name = row.name.partition(": ")
        groups.setdefault(what, []).append(row._replace(name=name))
    shapes = {"turn": costs, "step": ladder, "batch": ladder, "frame": costs, "train": costs}
    found = list(groups.values()) or [[]] * len(shapes)
    return {name: shape(rows) for (name, shape), rows in zip(shapes.items(), found, strict=True)}
