"""Files of a trace: their content, unpacked and within a bound."""

import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from agentsim_env.workload.traces.errors import TraceError
from agentsim_env.workload.traces.magic import PARQUET, Packing, packing_of, refuse_what_is_no_text

MAX_BYTES = 2**30
"""Bytes that a trace may take, all its files together and unpacked, unless its reader is told otherwise."""

PACKED_SUFFIXES = ("", ".gz", ".bz2", ".xz", ".zst")
RECORD_BYTES, ROW_BYTES = 1000, 100
"""What a line of JSON and one of CSV cost in memory besides their text, about; blank ones too."""

_LONGEST_SHARE = 16  # a single line or document may take a sixteenth of what all may take
_CHUNK_BYTES = 1 << 20
_WATCHER: ContextVar[Callable[[int], None]] = ContextVar("watcher", default=lambda count: None)


@contextmanager
def watched(tell: Callable[[int], None]) -> Iterator[None]:
    """Tells how many more bytes of files (as they are packed) have been read, as long as the block lasts."""
    token = _WATCHER.set(tell)
    try:
        yield
    finally:
        _WATCHER.reset(token)


class Budget:
    """Bytes that may still be read of a trace.

    Args:
        max_bytes: Bytes of all its files together, unpacked.
    """

    def __init__(self, max_bytes: int | None = None) -> None:
        """Starts whole."""
        self.max_bytes = MAX_BYTES if max_bytes is None else max_bytes
        self.longest_bytes = max(1, self.max_bytes // _LONGEST_SHARE)
        self._left = self.max_bytes

    def take(self, path: Path, count: int) -> None:
        """Takes `count` bytes.

        Raises:
            TraceError: They are not left.
        """
        self._left -= count
        if self._left < 0:
            problem = f"is too large: the trace takes more than {self.max_bytes:,} bytes, unpacked and with "
            problem += f"{RECORD_BYTES:,} for each line of JSON, {ROW_BYTES} for each row of CSV"
            raise TraceError(path, 0, "", f"{problem}; set max_bytes (workload.trace.max_bytes) to read more")

    def too_long(self, path: Path, line: int) -> TraceError:
        """The error about a single line or document that is too large."""
        what = "this line has" if line else "has"
        problem = f"{what} more than {self.longest_bytes:,} bytes, a sixteenth of max_bytes (workload.trace.max_bytes)"
        return TraceError(path, line, "", problem)


class TraceFile:
    """A file of a trace.

    Args:
        path: The file.
        budget: What may still be read of the trace.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, budget: Budget | None = None) -> None:
        """Reads nothing yet."""
        self.path = path
        self._budget = budget or Budget()

    def lines(self, line_bytes: int = RECORD_BYTES) -> Iterator[tuple[int, bytes]]:
        """Numbers (from 1) and contents of the lines that are not blank, without their ends.

        Args:
            line_bytes: What a line costs besides its text.

        Raises:
            TraceError: The file is no text, is damaged or too large.
        """
        number, begun, length = 1, [], 0
        for chunk in self._chunks():
            self._budget.take(self.path, len(chunk) + line_bytes * chunk.count(b"\n"))
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                line = b"".join((*begun, end)) if begun else end
                begun, length = [], 0
                if line and not line.isspace():
                    yield number, line
                number += 1
            if rest:
                begun.append(rest)
                length += len(rest)
                if length > self._budget.longest_bytes:
                    raise self._budget.too_long(self.path, number)
        line = b"".join(begun)
        if line and not line.isspace():
            yield number, line

    def pieces(self) -> Iterator[bytes]:
        """The content in pieces of a mebibyte, for readers that keep none of it.

        Raises:
            TraceError: The file is no text, is damaged or too large.
        """
        for chunk in self._chunks():
            self._budget.take(self.path, len(chunk))
            yield chunk

    @property
    def longest_bytes(self) -> int:
        """Bytes that a single line or document may take."""
        return self._budget.longest_bytes

    def content(self) -> bytes:
        """All of the file.

        Raises:
            TraceError: The file is no text, is damaged or too large.
        """
        pieces, length = [], 0
        for chunk in self._chunks():
            self._budget.take(self.path, len(chunk))
            pieces.append(chunk)
            length += len(chunk)
            if length > self._budget.longest_bytes:
                raise self._budget.too_long(self.path, 0)
        return b"".join(pieces)

    def beginning(self) -> bytes:
        """The first mebibyte, or all of a shorter file; of Parquet its mark.

        Raises:
            TraceError: The file is neither text nor Parquet, or is damaged.
        """
        if self.is_parquet():
            return PARQUET
        return next(self._chunks(), b"")

    def is_parquet(self) -> bool:
        """Whether it begins as Parquet does."""
        return _first_bytes(self.path).startswith(PARQUET)

    def take_rows(self, count: int) -> None:
        """Takes `count` bytes of the budget, for readers that look at the file themselves.

        Raises:
            TraceError: They are not left.
        """
        self._budget.take(self.path, count)

    def _chunks(self) -> Iterator[bytes]:
        """The content in pieces, unpacked if it is packed; the first piece is known to be text."""
        packing = packing_of(_first_bytes(self.path))
        try:
            with self.path.open("rb") as file:
                stream = file if packing is None else packing.open(file)
                first = _fill(stream)
                refuse_what_is_no_text(self.path, first, packing.name if packing else "")
                seen, tell = 0, _WATCHER.get()
                while first:
                    tell(file.tell() - seen)
                    seen = file.tell()
                    yield first
                    first = stream.read(_CHUNK_BYTES)
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
            if isinstance(error, TraceError):
                raise
            raise _unreadable(self.path, packing, error) from error


def trace_files(path: Path, suffixes: tuple[str, ...], max_bytes: int | None = None) -> list[TraceFile]:
    """The files of a trace: `path` itself, or those in a folder that end in one of `suffixes`, packed or not.

    Args:
        path: File or folder.
        suffixes: Ends of the names of files in a folder.
        max_bytes: Bytes of all files together, unpacked; None for `MAX_BYTES`.

    Raises:
        TraceError: No such file, nothing to read in the folder, or neither a file nor a folder.
    """
    budget = Budget(max_bytes)
    if not is_folder(path):
        return [TraceFile(path, budget)]
    names = tuple(suffix + end for suffix in suffixes for end in PACKED_SUFFIXES)
    found = files_ending_in(path, names)
    if not found:
        raise TraceError(path, 0, "", f"no trace in this folder; allowed: files ending in {', '.join(names)}")
    return [TraceFile(file, budget) for file in found]


def files_ending_in(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """The files of a folder whose names end so, by name; hidden ones, which file systems put there, are left out."""
    files = (file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    return sorted(file for file in files if file.name.endswith(endings))


def folders_inside(folder: Path) -> int:
    """How many folders there are in a folder, whose files are not read; hidden ones do not count."""
    return sum(inner.is_dir() and not inner.name.startswith(".") for inner in folder.iterdir())


def is_folder(path: Path) -> bool:
    """Whether a path is a folder, and not a regular file.

    Raises:
        TraceError: It is neither: nothing, or a pipe, device or socket, which may never end.
    """
    if path.is_dir():
        return True
    if path.is_file():
        return False
    if path.exists():
        raise TraceError(path, 0, "", "is a pipe, a device or a socket; allowed: a regular file or a folder")
    raise TraceError(path, 0, "", "no such file or folder")


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError as error:
        raise _unreadable(path, None, error) from error


def _fill(stream: Any) -> bytes:
    """A whole chunk, or all there is: streams that unpack may give less at a time."""
    pieces, length = [], 0
    while length < _CHUNK_BYTES and (piece := stream.read(_CHUNK_BYTES - length)):
        pieces.append(piece)
        length += len(piece)
    return b"".join(pieces)


def _unreadable(path: Path, packing: Packing | None, error: Exception) -> TraceError:
    if packing is not None:
        return TraceError(path, 0, "", f"damaged {packing.name} file ({error}); try to unpack it with {packing.unpack}")
    return TraceError(path, 0, "", f"cannot be read ({getattr(error, 'strerror', None) or error})")
