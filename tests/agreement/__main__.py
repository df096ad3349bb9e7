"""Holds the two simulators against each other on random scenarios that no test has used.

    python -m tests.agreement --seeds 100000:120000 --jobs 2
    python -m tests.agreement --seeds 0:300 --knob giving_way=true

What differs is made small and printed, as source that a test can be made of. The exit code is 1 if anything differed,
130 if it was stopped before that. When it is stopped, by Ctrl-C or SIGTERM, what has been compared so far is printed.
"""

import argparse
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.agreement.sweep import Difference, sweep
from tests.agreement.written import IMPORTS
from tests.engine.random_scenarios import Knobs

KNOB_HELP = "a knob that all scenarios have, see tests/engine/random_scenarios/knobs.py; may be given several times"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of the command."""
    given = parser().parse_args(arguments)
    out, seeds = Console(soft_wrap=True, highlight=False, markup=False), given.seeds
    total: Counter[str] = Counter()
    different: list[int] = []
    stopped = False
    with progress() as bar:
        task = bar.add_task("agree", total=len(seeds))
        try:
            for counted, difference in sweep(seeds, given.jobs, dict(given.knob)):
                total.update(counted)
                bar.advance(task)
                if difference is not None:
                    different.append(difference.seed)
                    bar.update(task, description=f"{len(different)} differ")
                    out.print(report(difference))
        except KeyboardInterrupt:
            stopped = True
    out.print("compared: " + ", ".join(f"{n:,} {name}" for name, n in total.items()))
    if stopped:
        out.print(f"stopped after {total['scenarios']:,} of {len(seeds):,} seeds")
    if different:
        out.print(f"{len(different)} of {total['scenarios']:,} differ: seeds {', '.join(map(str, sorted(different)))}")
    return 1 if different else 130 if stopped else 0


def report(difference: Difference) -> str:
    """What differs in a scenario, and the small one that was made of it."""
    first, small = difference.found[:20], difference.found_small[:20]
    return "\n".join(
        [
            f"seed {difference.seed}: {len(difference.found)} differences",
            *(f"  {line}" for line in first),
            "The smallest scenario found that differs:",
            "",
            IMPORTS,
            difference.small,
            *(f"# {line}" for line in small),
            "",
        ]
    )


def progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser("python -m tests.agreement", description=__doc__.splitlines()[0] if __doc__ else "")
    made.add_argument("--seeds", type=seed_range, required=True, metavar="A:B", help="seeds A, A + 1, ... B - 1")
    made.add_argument("--jobs", type=positive, default=1, metavar="N", help="worker processes (default 1)")
    made.add_argument("--knob", type=knob, action="append", default=[], metavar="NAME=VALUE", help=KNOB_HELP)
    return made


def knob(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    names = [field.name for field in fields(Knobs) if field.name != "seed"]
    if name not in names:
        raise argparse.ArgumentTypeError(f"{text!r} names no knob; there are: {', '.join(names)}")
    return name, yaml.safe_load(value)


def seed_range(text: str) -> range:
    first, colon, stop = text.partition(":")
    if not (colon and first.isdecimal() and stop.isdecimal() and int(first) < int(stop)):
        raise argparse.ArgumentTypeError(f"{text!r} is no range A:B of seeds with 0 <= A < B")
    return range(int(first), int(stop))


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
