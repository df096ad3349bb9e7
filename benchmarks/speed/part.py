"""Measures one part of the table: `python -m benchmarks.speed.part NAME ROUNDS QUICK FILE`, a process of its own."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.files import write_json
from benchmarks.speed.parts import measure_of
from benchmarks.speed.rows import Row


def main() -> None:
    """Measure, and write what is known whenever something is."""
    name, rounds, quick, path = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]), Path(sys.argv[4])

    def report(rows: Sequence[Row]) -> None:
        write_json(path, [row.as_json() for row in rows])

    measure_of(name)(rounds, quick, report)
    sys.stdout.flush()
    os._exit(0)  # threads that draw episodes ahead, and processes, end here


if __name__ == "__main__":
    main()
