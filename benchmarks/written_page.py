"""The command of a benchmark that simulates episodes and writes a page."""

import argparse
from collections.abc import Callable
from pathlib import Path


def write_page(about: str | None, path: Path, make: Callable[[range], str], seeds: int, episodes: str) -> None:
    """Read the command line and write the page.

    Args:
        about: What `--help` says.
        path: Where the page goes, if `--out` does not say otherwise.
        make: The page, from the seeds of its episodes.
        seeds: How many of them, if `--seeds` does not say otherwise.
        episodes: What there is one of for each seed.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=seeds, help=episodes)
    parser.add_argument("--out", type=Path, default=path)
    given = parser.parse_args()
    given.out.write_text(make(range(given.seeds)), encoding="utf-8")
    print(f"wrote {given.out}")
