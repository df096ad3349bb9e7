"""What a file is by its first bytes, and its content unpacked, within a bound."""

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from agentsim_env.workload.traces.errors import TraceError

MAX_BYTES = 2**30
"""Bytes that a trace may take, all its files together and unpacked, unless its reader is told otherwise."""

PACKED_SUFFIXES = ("", ".gz", ".bz2", ".xz", ".zst")
PARQUET = b"PAR1"

RECORD_BYTES, ROW_BYTES = 1000, 100
"""What a line of JSON and one of CSV cost in memory besides their text, about; blank ones too."""

_LONGEST_SHARE = 4  # a single line or document may take a fourth of what all may take
_CHUNK_BYTES = 1 << 20
_LFS = re.compile(rb"version https://git-lfs\.github\.com/spec/.*?(?:size (\d+))?\s*\Z", re.DOTALL)


class _Packing(NamedTuple):
    name: str
    magic: bytes
    open: Callable[[IO[bytes]], Any]
    unpack: str


def _open_zstd(file: IO[bytes]) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(file, "zstd")


_PACKINGS = (
    _Packing("gzip", b"\x1f\x8b", gzip.open, "gunzip"),
    _Packing("bzip2", b"BZh", bz2.open, "bunzip2"),
    _Packing("xz", b"\xfd7zXZ\x00", lzma.open, "xz -d"),
    _Packing("zstd", b"\x28\xb5\x2f\xfd", _open_zstd, "zstd -d"),
)

_REFUSED = (
    (b"PK\x03\x04", "is a zip archive; unpack it with unzip, and name the file or folder in it"),
    (b"PK\x05\x06", "is an empty zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it, and name the file or folder in it"),
    (b"Rar!", "is a rar archive; unpack it, and name the file or folder in it"),
    (b"\x04\x22\x4d\x18", "is packed with lz4; unpack it with lz4 -d"),
    (b"\x1f\x9d", "is packed with compress; unpack it with uncompress"),
    (b"\xff\xfe\x00\x00", "is UTF-32 text; allowed: UTF-8, as from iconv -f UTF-32 -t UTF-8"),
    (b"\x00\x00\xfe\xff", "is UTF-32 text; allowed: UTF-8, as from iconv -f UTF-32 -t UTF-8"),
    (b"\xff\xfe", "is UTF-16 text; allowed: UTF-8, as from iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "is UTF-16 text; allowed: UTF-8, as from iconv -f UTF-16 -t UTF-8"),
    (b"ARROW1", "is an Arrow file; allowed: JSON lines, CSV, or Parquet of an exported workload"),
    (b"ORC", "is an ORC file; allowed: JSON lines, CSV, or Parquet of an exported workload"),
    (b"Obj\x01", "is an Avro file; allowed: JSON lines, CSV, or Parquet of an exported workload"),
    (b"\x89HDF", "is an HDF5 file; allowed: JSON lines, CSV, or Parquet of an exported workload"),
    (b"\x93NUMPY", "is a NumPy array; allowed: JSON lines, CSV, or Parquet of an exported workload"),
    (b"SQLite format 3\x00", "is an SQLite database; allowed: its rows as JSON lines or CSV"),
    (b"%PDF", "is a PDF document; allowed: JSON lines, CSV, or Parquet of an exported workload"),
    *((b"\x80" + bytes([version]) + b"\x95", "is a pickle, which is never loaded") for version in (4, 5)),
)


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
        problem = f"{what} more than {self.longest_bytes:,} bytes, a fourth of max_bytes (workload.trace.max_bytes)"
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
        packing = _packing(_first_bytes(self.path))
        try:
            with self.path.open("rb") as file:
                stream = file if packing is None else packing.open(file)
                first = _fill(stream)
                refuse_what_is_no_text(self.path, first, packing.name if packing else "")
                while first:
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
    found = sorted(file for file in path.iterdir() if file.is_file() and file.name.endswith(names))
    if not found:
        raise TraceError(path, 0, "", f"no trace in this folder; allowed: files ending in {', '.join(names)}")
    return [TraceFile(file, budget) for file in found]


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


def refuse_what_is_no_text(path: Path, head: bytes, packing: str = "") -> None:
    """Looks at the first bytes of an unpacked file.

    Raises:
        TraceError: They are not those of UTF-8 text with lines; says what the file is and what to do.
    """
    inside = f", inside {packing}," if packing else ""
    if not head:
        raise TraceError(path, 0, "", f"is empty{inside.rstrip(',')}: no known trace format begins so")
    if again := _packing(head):
        raise TraceError(path, 0, "", f"is {again.name}{inside} packed twice; unpack it once with {again.unpack}")
    if head.startswith(PARQUET):
        raise TraceError(path, 0, "", f"is Parquet{inside} where text is expected; allowed: Parquet as it is")
    for magic, problem in _REFUSED:
        if head.startswith(magic):
            raise TraceError(path, 0, "", problem)
    if head[257:262] == b"ustar":
        raise TraceError(path, 0, "", "is a tar archive; unpack it with tar -xf, and name the file or folder in it")
    if pointer := _LFS.match(head[:1024]):
        size = f" of {int(pointer[1]):,} bytes" if pointer[1] else ""
        raise TraceError(path, 0, "", f"is a Git LFS pointer, not the file{size} itself; fetch that with git lfs pull")
    if head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        raise TraceError(path, 0, "", "is a web page; download the raw file")
    if (at := head.find(0)) >= 0:
        raise TraceError(path, 0, "", f"is binary (a NUL byte at {at}); allowed: UTF-8 text, or Parquet as exported")
    if b"\r" in head[:-1] and b"\n" not in head:
        problem = "its lines end in CR alone; allowed: LF, or CR and LF, as from tr '\\r' '\\n'"
        raise TraceError(path, 0, "", problem)


def _packing(head: bytes) -> _Packing | None:
    return next((packing for packing in _PACKINGS if head.startswith(packing.magic)), None)


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


def _unreadable(path: Path, packing: _Packing | None, error: Exception) -> TraceError:
    if packing is not None:
        return TraceError(path, 0, "", f"damaged {packing.name} file ({error}); try to unpack it with {packing.unpack}")
    return TraceError(path, 0, "", f"cannot be read ({getattr(error, 'strerror', None) or error})")
