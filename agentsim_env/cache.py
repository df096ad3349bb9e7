"""The folder of what can be made again: compiled code and measured capacities, kept from one start to the next.

`AGENTSIM_CACHE` names it; else it is the user's cache folder. Whatever is wrong with it (no home, read-only, full,
entries that were cut) costs time and never a result: what cannot be read counts as missing, and what cannot be written
there goes to a temporary folder of this user, or nowhere.
"""

import fcntl
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import parent_process
from pathlib import Path

import platformdirs

from agentsim_env.files import replacing

VARIABLE = "AGENTSIM_CACHE"
_ABANDONED_S = 3600.0
_LONGEST_WAIT_S = 120.0
_NOWHERE = Path(os.devnull) / "agentsim-env"  # nothing can be read or made below a file


def _chosen() -> Path | None:
    """The folder that the variable names, or that of the user; None without a home, as in many containers."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(os.path.expanduser(named)).absolute()
    home = Path(os.path.expanduser("~"))
    if not os.environ.get("XDG_CACHE_HOME") and (not home.is_absolute() or home == Path("/")):
        return None
    return Path(platformdirs.user_cache_dir("agentsim-env"))


def _temporary() -> Path:
    try:
        return Path(tempfile.gettempdir()) / f"agentsim-env-{os.getuid()}"
    except FileNotFoundError:
        return _NOWHERE


def _is_private(folder: Path) -> bool:
    """Whether nobody else can write there: code is loaded from it."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


_CHOSEN = _chosen()
_TEMPORARY = _temporary()
ROOT: Path = _CHOSEN or _TEMPORARY
"""Where entries belong."""


def read(path: Path) -> bytes | None:
    """Content of an entry, None if it is missing or cannot be read.

    Args:
        path: A path below `ROOT`; where that cannot be written, the entry may lie in the temporary folder.
    """
    for place in (path, _elsewhere(path)):
        if place.is_relative_to(_TEMPORARY) and not _is_private(_TEMPORARY):
            continue
        with suppress(OSError):
            return place.read_bytes()
    return None


def write(path: Path, content: bytes) -> None:
    """Keeps an entry in the first place that takes it; says once if that is not where it belongs.

    Args:
        path: A path below `ROOT`.
        content: Bytes that a reader can tell from a part of them.
    """
    reason = "there is no home folder to keep it in"
    if _CHOSEN is not None:
        try:
            _put(path, content)
            return
        except OSError as error:
            reason = f"{ROOT} cannot be written ({error.strerror})"
    with suppress(OSError):
        _TEMPORARY.mkdir(mode=0o700, exist_ok=True)
        if _is_private(_TEMPORARY):
            _put(_elsewhere(path), content)
            _say_once(f"{reason}: what is compiled and measured is kept in {_TEMPORARY} instead")
            return
    _say_once(f"{reason}: what is compiled and measured is not kept, and made again at every start")


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """While an entry is made: other processes that would make it wait, and find it later.

    They wait until this process has left the block or has ended, however it did, and two minutes at most. Where nothing
    can be locked nobody waits.

    Args:
        path: The entry, below `ROOT`.
    """
    descriptor = _locked(path.with_name(f".{path.name}.lock")) if _CHOSEN is not None else None
    try:
        yield
    finally:
        if descriptor is not None:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)  # a process that was forked meanwhile has the descriptor, too
            os.close(descriptor)


def _locked(path: Path) -> int | None:
    give_up_s = time.monotonic() + _LONGEST_WAIT_S
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        while time.monotonic() < give_up_s:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.05)
            else:
                break
        return descriptor
    return None


def _elsewhere(path: Path) -> Path:
    """Where an entry goes that cannot go where it belongs."""
    return _TEMPORARY / path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _put(path: Path, content: bytes) -> None:
    with replacing(path) as draft:
        draft.write_bytes(content)
    for left in path.parent.glob(".*.partial*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED_S:
                left.unlink()


_said = False


def _say_once(what: str) -> None:
    global _said
    if _said or parent_process() is not None:
        return
    _said = True
    print(f"agentsim-env: {what}; set {VARIABLE} to a folder that can be written", file=sys.stderr, flush=True)
