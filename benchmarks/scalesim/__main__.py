"""Simulates ScaleSim's and KVFlow's comparisons and writes the page.

python -m benchmarks.scalesim                          # docs/scalesim.md, some four minutes of a core
python -m benchmarks.scalesim --seeds 1 --out /tmp/s.md
"""

from pathlib import Path

from benchmarks.scalesim.classes import classes
from benchmarks.scalesim.crowds import costs, crowds
from benchmarks.scalesim.hints import hints
from benchmarks.scalesim.page import Results, page
from benchmarks.scalesim.workflow import workflow
from benchmarks.written_page import write_page

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


if __name__ == "__main__":
    write_page(__doc__, PAGE, lambda seeds: page(results(seeds)), seeds=2, episodes="worlds of each cell")
