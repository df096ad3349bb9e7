"""Memory of programs, of batches, and of a large cluster, each in processes of its own."""

from benchmarks.memory import Peak, alone
from benchmarks.memory import measure as bytes_per_program
from benchmarks.speed.parts import Report
from benchmarks.speed.rows import Bar, Row

BATCHES = (64, 1024)
LARGE = (1024, 1_000_000)
NAME = f"{LARGE[0]:,} instances and {LARGE[1]:,} programs"


def measure(rounds: int, quick: bool, report: Report) -> None:
    """See the module."""
    del rounds, quick
    program = bytes_per_program()
    rows = [
        Row("memory of a program: workload, state and allocator", "KiB", [program.resident / 1024], Bar(2.0, False)),
        Row("of that, the workload", "KiB", [program.workload / 1024]),
        Row("of that, the state", "KiB", [program.state / 1024]),
        Row("its records, made on demand", "KiB", [program.records / 1024]),
    ]
    report(rows)
    for n in BATCHES:
        rows.append(Row(f"batch of {n:,}, peak of the process", "GiB", [Peak(**alone("--batch", str(n))).gib]))
        report(rows)
    large = Peak(**alone("--cluster", *map(str, LARGE)))
    report(
        [
            *rows,
            Row(f"{NAME}, peak of the process", "GiB", [large.gib], Bar(8.0, False)),
            Row(f"{NAME}", "turns / CPU s", [large.per_s]),
            Row(f"cost of a turn, {NAME} / 4 and 1,000", "x", [large.small_per_s / large.per_s], Bar(2.0, False)),
        ]
    )
