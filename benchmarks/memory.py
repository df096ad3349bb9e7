"""Memory, each in a process of its own.

python -m benchmarks.memory                     # growth with the number of programs, bytes each
python -m benchmarks.memory --cluster 1024 1000000
python -m benchmarks.memory --batch 64
python -m benchmarks.memory --steps 10000000    # batched steps; the resident set at each tenth
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import gymnasium
import numpy as np

import agentsim_env  # noqa: F401  (registers its environments)
from benchmarks import performance
from benchmarks.bounded import run_bounded
from benchmarks.environments import ACTIONS, ROUTING
from benchmarks.files import RESULTS, write_json
from benchmarks.machine import machine
from benchmarks.simulation import BASE, Size, of_size, sized

FEW, MANY = 1_000, 100_000
INSTANCES = 4
GIB = 2.0**30
LIMIT_S = 600.0
"""Of a process."""


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


class Peak(NamedTuple):
    """A process that has simulated something.

    Attributes:
        gib: Largest resident set of the process, in GiB.
        small_per_s: Turns per CPU second of the small case in the same process; 0 if it has none.
        per_s: Turns or steps per CPU second.
    """

    gib: float
    small_per_s: float
    per_s: float


def measure() -> Memory:
    """Measures in three fresh processes; the median, as the system may take pages back from a process at any time."""
    found = [Memory(**alone()) for _ in range(3)]
    return Memory(*(median(values) for values in zip(*found, strict=True)))


def alone(*arguments: str) -> dict[str, Any]:
    """What this command prints, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", *arguments]
    with TemporaryFile("w+", encoding="utf-8") as output:
        status = run_bounded(command, LIMIT_S, output)
        output.seek(0)
        text = output.read()
    if status != 0:
        raise RuntimeError(f"{' '.join(command[1:])} ended with {status}:\n{text}")
    return json.loads(text.splitlines()[-1])


def resident_bytes() -> int:
    """Resident set of this process now; where the system does not tell, its peak."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return peak_bytes()


def peak_bytes() -> int:
    """Largest resident set of this process so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def growth() -> Memory:
    """Bytes a program, in this process."""
    few = _simulate(FEW)
    sized.cache_clear()
    many = _simulate(MANY)
    return Memory(*((large - small) / (MANY - FEW) for small, large in zip(few, many, strict=True)))


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


def cluster(instances: int, programs: int) -> Peak:
    """A cluster and so many programs, after the small case."""
    small = of_size(BASE)
    small()
    turns, seconds = small()
    large_turns, large_seconds = of_size(Size(instances, programs))()
    return Peak(peak_bytes() / GIB, turns / seconds, large_turns / large_seconds)


def batch(n: int) -> Peak:
    """A batch, some episodes long in each place."""
    steps, begun_s = 1024 * n, time.process_time()
    for _ in batched(n, steps, 1):
        pass
    return Peak(peak_bytes() / GIB, 0.0, steps / (time.process_time() - begun_s))


def batched(n: int, steps: int, parts: int) -> Iterator[int]:
    """Steps of a batch under random actions; how many were made, after each part."""
    envs: Any = gymnasium.make_vec(ROUTING, num_envs=n)
    actions = np.random.default_rng(0).integers(0, envs.single_action_space.n, (ACTIONS, n))
    envs.reset(seed=0)
    calls = -(-steps // n)
    for part in range(parts):
        for call in range(calls * part // parts, calls * (part + 1) // parts):
            envs.step(actions[call % ACTIONS])
        yield calls * (part + 1) // parts * n
    envs.close()


def long_run(n: int, steps: int, save: bool) -> None:
    """Prints the resident set at each tenth of a long run of a batch; saves it for the page if that is wanted."""
    begun_s, tenths = time.process_time(), []
    for made in batched(n, steps, 10):
        tenths.append((made, resident_bytes() / GIB, time.process_time() - begun_s))
        print("{:>12,} steps   {:.3f} GiB resident   {:,.0f} CPU s".format(*tenths[-1]), flush=True)
    if save:
        write_json(RESULTS / "long_run.json", {"machine": machine(), "batch": n, "tenths": tenths})
        print(f"wrote {performance.write_page()}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cluster", type=int, nargs=2, metavar=("INSTANCES", "PROGRAMS"))
    parser.add_argument("--batch", type=int, metavar="N")
    parser.add_argument("--steps", type=int, help="steps of a batch of 64, or of N")
    parser.add_argument("--save", action="store_true", help="keep these for docs/performance.md")
    given = parser.parse_args()
    if given.steps:
        long_run(given.batch or 64, given.steps, given.save)
    elif given.cluster:
        print(json.dumps(cluster(*given.cluster)._asdict()))
    elif given.batch:
        print(json.dumps(batch(given.batch)._asdict()))
    else:
        print(json.dumps(growth()._asdict()))


if __name__ == "__main__":
    main()
