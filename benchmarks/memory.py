"""Memory of a simulation: growth of the resident set with the number of programs, in a process of its own."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.simulation import Size, sized

FEW, MANY = 1_000, 100_000
INSTANCES = 4


class Memory(NamedTuple):
    """Bytes a program, from `FEW` to `MANY` programs.

    Attributes:
        resident: Growth of the resident set of the process: workload, simulation and what the allocator keeps.
        workload: Arrays of the workload.
        state: Arrays of the simulation that are as long as the workload (the records that it fills).
        records: Arrays of `Records`, which are made on demand.
    """

    resident: float
    workload: float
    state: float
    records: float


def measure() -> Memory:
    """Measures in three fresh processes; the median, as the system may take pages back from a process at any time."""
    found = [_measure() for _ in range(3)]
    return Memory(*(median(values) for values in zip(*found, strict=True)))


def _measure() -> Memory:
    command = [sys.executable, "-m", "benchmarks.memory"]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[1:])} failed:\n{done.stderr}")
    return Memory(**json.loads(done.stdout.splitlines()[-1]))


def resident_bytes() -> int:
    """Resident set of this process now; where the system does not tell, its peak."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _simulate(programs: int) -> tuple[int, int, int, int]:
    """Resident set after a simulation, and bytes of workload, state and records."""
    simulator, drawn = sized(Size(INSTANCES, programs))
    simulator.reset(0, drawn)
    simulator.run()
    resident = resident_bytes()
    state = simulator.state
    workload = (state.program, state.turn, state.edge, state.segment)
    filled = (state.program_run, state.turn_run, state.edge_next, state.edge_attempt, state.holder)
    records = simulator.records()
    return (
        resident,
        sum(array.nbytes for array in workload),
        sum(array.nbytes for array in filled),
        sum(array.nbytes for array in (records.turns, records.programs, records.instances)),
    )


def _main() -> None:
    few = _simulate(FEW)
    sized.cache_clear()
    many = _simulate(MANY)
    growth = [(large - small) / (MANY - FEW) for small, large in zip(few, many, strict=True)]
    print(json.dumps(Memory(*growth)._asdict()))


if __name__ == "__main__":
    _main()
