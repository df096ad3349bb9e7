"""What a start costs: `python -m benchmarks.cold_start [--rounds N] [--environments routing,eviction]`.

Each start is a process of its own. The first environment begins with an empty cache, the others follow it into the same
one, and the last row is a start that finds everything. CPU seconds are those of one process on one core; the wall time
of two cores is that of a second run in which a second process compiles, too.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from agentsim_env.registration import ENVIRONMENTS, name_of

START = """
import json, os, sys, time
if sys.argv[2] == "1" and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
wall, cpu = time.perf_counter, time.process_time
import gymnasium, agentsim_env
imported = wall(), cpu()
env = gymnasium.make(sys.argv[1])
_, info = env.reset(seed=0)
env.step(int(info["action_mask"].argmax()))
from agentsim_env.engine.core.component import in_order
print(json.dumps({"cpu_s": cpu(), "wall_s": wall() - float(sys.argv[3]), "components": in_order()}))
"""


class Start(NamedTuple):
    """What one start took, with the interpreter and all imports."""

    cpu_s: float
    wall_s: float
    components: list[str]


def start(environment: str, cache: str, cores: int) -> Start:
    """Make an environment in a process of its own, begin an episode and make a step."""
    arguments = [sys.executable, "-c", START, environment, str(cores), str(time.perf_counter())]
    given = os.environ | {"AGENTSIM_CACHE": cache}
    given.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(arguments, env=given, capture_output=True, text=True, check=True)
    return Start(**json.loads(done.stdout))


def one_round(environments: Sequence[str]) -> Iterator[tuple[str, Start]]:
    """Each start once, with the name of its row."""
    first = environments[0]
    with TemporaryDirectory() as cache, TemporaryDirectory() as other:
        for k, name in enumerate(environments):
            yield f"{name}, {'empty cache' if k == 0 else 'after the first'}", start(name, cache, cores=1)
        yield f"{first}, warm", start(first, cache, cores=1)
        yield f"{first}, empty cache, two cores", start(first, other, cores=2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument(
        "--environments", default="all", help="names as routing,eviction; the first meets an empty cache"
    )
    parser.add_argument("--usual", action="store_true", help="print engine/core/usual.py's list instead")
    given = parser.parse_args(arguments)
    by_name = {name_of(identifier): identifier for identifier in ENVIRONMENTS}
    chosen = (
        list(by_name.values()) if given.environments == "all" else [by_name[n] for n in given.environments.split(",")]
    )
    console = Console()
    if given.usual:
        with TemporaryDirectory() as cache:
            console.print(*start(chosen[0], cache, cores=1).components, sep="\n")
        return
    rounds = [dict(one_round(chosen)) for _ in range(given.rounds)]
    table = Table("start", "CPU s", "wall s", box=SIMPLE_HEAD)
    for row in rounds[0]:
        table.add_row(row, *(f"{median(getattr(r[row], what) for r in rounds):.1f}" for what in ("cpu_s", "wall_s")))
    console.print(table)


if __name__ == "__main__":
    main()
