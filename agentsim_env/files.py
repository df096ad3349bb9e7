"""Files that appear whole or not at all, so that a process killed while it writes leaves nothing broken.

And the YAML files of the package, read in a hurry.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A draft beside `path`, of the same suffix, that takes its place in the end; it is gone if the block fails.

    The draft is on the disk before it gets the name, so that a crash of the machine does not leave an empty file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}.{uuid4().hex}.partial{path.suffix}")
    try:
        with naming(path):
            yield draft
            sync(draft)
            os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors in the block that do not say which file they are of say that it is `path`, as where a disk is full."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_drafts(folder: Path) -> None:
    """Removes what a killed process has left half written in a folder that nobody else writes."""
    for draft in folder.glob(".*.partial*"):
        if draft.is_file():
            draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text file."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def read_yaml(path: Path) -> Any:
    """Content of a YAML file of the package, by libyaml where PyYAML has it: reading them is much of a start."""
    import yaml

    return yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
