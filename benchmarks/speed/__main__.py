"""Speed and memory in one table, against their bars.

python -m benchmarks.speed                          # some twenty minutes on two cores; docs/performance.md
python -m benchmarks.speed --quick                  # a look, in two minutes; writes nothing
python -m benchmarks.speed --only vectors scaling   # these parts; the others stay as they were
python -m benchmarks.speed --without starts         # all but the cold starts
"""

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks import performance
from benchmarks.bounded import CUT_OFF, run_bounded
from benchmarks.files import RESULTS, read_json, write_json
from benchmarks.machine import machine
from benchmarks.speed.parts import PARTS
from benchmarks.speed.rows import HEADINGS, Row, cells

SPEED = RESULTS / "speed.json"
WIDTH = 160
COLOURS = {"met": "green", "missed": "red"}


def main() -> None:
    """Measures, prints and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to measure")
    parser.add_argument("--without", nargs="+", choices=PARTS, default=[], help="parts to leave out")
    parser.add_argument("--rounds", type=int, help="rounds of each part (default: 5, of cold starts 1)")
    parser.add_argument("--quick", action="store_true", help="one round of less, without what takes long")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a bar is missed or a part did not end")
    parser.add_argument("--out", type=Path, help=f"where the results go (default: {SPEED}; with --quick nowhere)")
    given = parser.parse_args()
    console = Console()
    out = given.out or (None if given.quick else SPEED)
    measured: dict[str, Any] = {}
    for name in PARTS:
        if name in given.only and name not in given.without and (PARTS[name].in_a_look or not given.quick):
            with console.status(f"{name}: {PARTS[name].about}"):
                measured[name] = measure(name, given.rounds, given.quick)
            if out is not None:
                write_json(out, {"parts": ((read_json(out) or {}).get("parts") or {}) | {name: measured[name]}})
    Console(width=max(WIDTH, console.width)).print(table(measured))
    if out == SPEED:
        console.print(f"wrote {SPEED} and {performance.write_page()}")
    elif out is not None:
        console.print(f"wrote {out}")
    if given.check and not all(is_met(part) for part in measured.values()):
        sys.exit(1)


def measure(name: str, rounds: int | None, quick: bool) -> dict[str, Any]:
    """What a part came to, measured in a process of its own, cut off at its limit."""
    part, begun_s = PARTS[name], time.perf_counter()
    rounds = rounds or (1 if quick else part.rounds)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.speed.part", name, str(rounds), json.dumps(quick)]
        status = run_bounded([*command, str(path)], part.limit_s)
        rows = read_json(path) or []
    reasons = {0: "", CUT_OFF: f"cut off after {part.limit_s:.0f} s"}
    problem = reasons.get(status, f"ended with status {status}")
    seconds = time.perf_counter() - begun_s
    return {"machine": machine(), "seconds": round(seconds, 1), "problem": problem, "rows": rows}


def is_met(part: dict[str, Any]) -> bool:
    """Whether a part has ended with all its bars met."""
    return not part["problem"] and all(row["met"] is not False for row in part["rows"])


def table(measured: dict[str, Any]) -> Table:
    """All parts in one table."""
    shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in HEADINGS:
        shown.add_column(heading, justify="left" if heading in ("", "unit") else "right", no_wrap=True)
    for name, part in measured.items():
        problem = f", [red]{part['problem']}[/]" if part["problem"] else ""
        shown.add_section()
        shown.add_row(f"[bold]{name}[/] ({part['seconds']:.0f} s{problem}): {PARTS[name].about}")
        for content in part["rows"]:
            *texts, verdict = cells(Row.from_json(content))
            shown.add_row(*texts, f"[{COLOURS[verdict]}]{verdict}[/]" if verdict else "")
    return shown


if __name__ == "__main__":
    main()
