"""The tutorial works as it stands: its files and commands, from the first to the last, in one empty folder.

A block with a title is saved under that name. Other blocks of Python and all of the shell are run, and a block of text
behind one is what it prints, `...` standing for anything.
"""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tutorial.md"
COLUMNS = 100
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """A listing of the page."""

    line: int
    language: str
    title: str
    text: str


def blocks_of(page: str) -> list[Block]:
    found = re.finditer(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', page, re.DOTALL | re.MULTILINE)
    return [Block(page.count("\n", 0, block.start()) + 1, block[1], block[2] or "", block[3]) for block in found]


def run(block: Block, folder: Path) -> str:
    """What a block prints, run in a folder as a reader would who has installed the package."""
    command = {"sh": ["bash", "-e"], "python": [sys.executable, "-"]}[block.language]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "COLUMNS": str(COLUMNS), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, input=block.text, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=600
    )
    assert done.returncode == 0, f"tutorial.md:{block.line}: {done.stdout}{done.stderr}"
    return done.stdout


def test_all_of_the_tutorial_runs_and_prints_what_it_shows(tmp_path: Path) -> None:
    printed = ""
    for block in blocks_of(PAGE.read_text(encoding="utf-8")):
        if block.title:
            (tmp_path / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "text":
            same = doctest.OutputChecker().check_output(block.text, printed, _FLAGS)
            assert same, f"tutorial.md:{block.line} shows\n{block.text}\nbut what is printed is\n{printed}"
        else:
            printed = run(block, tmp_path)


def test_no_block_of_the_tutorial_is_left_out() -> None:
    page = PAGE.read_text(encoding="utf-8")
    blocks = blocks_of(page)
    assert 2 * len(blocks) == len(re.findall(r"^ *```", page, re.MULTILINE))
    assert {block.language for block in blocks if not block.title} == {"sh", "python", "text"}
    saved = {block.title for block in blocks if block.title}
    assert saved == set(re.findall(r"[Ss]ave\s+this as `(\S+)`", page))
