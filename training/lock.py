"""One process at a time in the folder of a run.

The lock is the operating system's on a file in the folder, so it ends with its process, whatever ends that. The file
says who holds it.
"""

import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from agentsim_env.files import remove_drafts
from agentsim_env.training.errors import TrainingError

_NAME = ".lock"
_held: set[Path] = set()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder of a run for this process, and clears away what a killed one has left half written.

    Args:
        folder: It exists. A process that holds it may ask again.

    Raises:
        TrainingError: Another process holds it.
    """
    folder = folder.resolve()
    if folder in _held:
        yield
        return
    file = _acquire(folder)
    _held.add(folder)
    try:
        remove_drafts(folder)
        yield
    finally:
        _held.discard(folder)
        (folder / _NAME).unlink(missing_ok=True)
        os.close(file)


def _acquire(folder: Path) -> int:
    """Descriptor of the locked file."""
    path = folder / _NAME
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise OSError(error.errno, f"{error.strerror}: runs need a disk with file locks", str(path)) from None
            raise TrainingError(f"{folder} is in use by {_holder(path)}: one process at a time") from None
        with suppress(FileNotFoundError):
            if os.stat(path).st_ino == os.fstat(file).st_ino:
                break
        os.close(file)  # whoever held it has removed the name in between
    since = datetime.now().astimezone().isoformat(" ", "seconds")
    os.truncate(file, 0)
    os.write(file, json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}).encode())
    return file


def _holder(path: Path) -> str:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return f"process {found['pid']} on {found['host']} since {found['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"  # it is about to write who it is
