"""Simulates ScaleSim's and KVFlow's comparisons and writes the page.

python -m benchmarks.scalesim                          # docs/scalesim.md, some four minutes of a core
python -m benchmarks.scalesim --seeds 1 --out /tmp/s.md
"""

import argparse
from pathlib import Path

from benchmarks.scalesim.classes import classes
from benchmarks.scalesim.crowds import costs, crowds
from benchmarks.scalesim.hints import hints
from benchmarks.scalesim.page import Results, page
from benchmarks.scalesim.workflow import workflow

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scalesim.md"


def results(seeds: range) -> Results:
    """Simulate everything that the page shows."""
    return Results(
        classes=classes(seeds),
        hints=hints(seeds),
        crowds=crowds(seeds),
        workflow=workflow(range(1)),
        costs=costs(),
        seeds=len(seeds),
    )


def main() -> None:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2, help="worlds of each cell")
    parser.add_argument("--out", type=Path, default=PAGE)
    given = parser.parse_args()
    given.out.write_text(page(results(range(given.seeds))), encoding="utf-8")
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
