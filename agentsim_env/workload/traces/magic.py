"""What a file is, told by its first bytes."""

import bz2
import gzip
import lzma
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

from agentsim_env.workload.traces.errors import TraceError

PARQUET = b"PAR1"
_LFS = re.compile(rb"version https://git-lfs\.github\.com/spec/.*?(?:size (\d+))?\s*\Z", re.DOTALL)


class Packing(NamedTuple):
    """A way of packing a file.

    Attributes:
        name: Its name.
        magic: First bytes of what it packs.
        open: Unpacks a file while it is read.
        unpack: Command that unpacks a file.
    """

    name: str
    magic: bytes
    open: Callable[[IO[bytes]], Any]
    unpack: str


def _open_zstd(file: IO[bytes]) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(file, "zstd")


_PACKINGS = (
    Packing("gzip", b"\x1f\x8b", gzip.open, "gunzip"),
    Packing("bzip2", b"BZh", bz2.open, "bunzip2"),
    Packing("xz", b"\xfd7zXZ\x00", lzma.open, "xz -d"),
    Packing("zstd", b"\x28\xb5\x2f\xfd", _open_zstd, "zstd -d"),
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
    (b"Obj\x01", "is an Avro file; allowed: JSON lines, CSV, or Parquet of an exported workload"),
    (b"\x89HDF", "is an HDF5 file; allowed: JSON lines, CSV, or Parquet of an exported workload"),
    (b"\x93NUMPY", "is a NumPy array; allowed: JSON lines, CSV, or Parquet of an exported workload"),
    (b"SQLite format 3\x00", "is an SQLite database; allowed: its rows as JSON lines or CSV"),
    (b"%PDF", "is a PDF document; allowed: JSON lines, CSV, or Parquet of an exported workload"),
    *((b"\x80" + bytes([version]) + b"\x95", "is a pickle, which is never loaded") for version in (4, 5)),
)


def packing_of(head: bytes) -> Packing | None:
    """How a file is packed, by its first bytes; None if it is not."""
    return next((packing for packing in _PACKINGS if head.startswith(packing.magic)), None)


def refuse_what_is_no_text(path: Path, head: bytes, packing: str = "") -> None:
    """Looks at the first bytes of an unpacked file.

    Raises:
        TraceError: They are not those of UTF-8 text with lines; says what the file is and what to do.
    """
    inside = f", inside {packing}," if packing else ""
    if not head:
        raise TraceError(path, 0, "", f"is empty{inside.rstrip(',')}: no known trace format begins so")
    if again := packing_of(head):
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
