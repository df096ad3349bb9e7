"""JSON whose bulk is long lists of integers, decoded without a Python object per integer.

Requests of a conversation repeat nearly the same ids: only the part of a list that differs, as text, from the list
before it is parsed; the rest is copied from the array before it.
"""

import contextlib
import json
import re
from typing import Any

import numpy as np

_LIST = re.compile(rb'"(hash_ids|input_tok_ids|output_tok_ids)"\s*:\s*\[([^\]]*)\]')
_UNUSED = b"output_tok_ids"  # synthetic in the traces that carry it; no reader looks at it
NO_IDS = np.empty(0, dtype=np.int64)


def load_json(raw: bytes) -> Any:
    """Parses JSON; lists under `hash_ids` and `input_tok_ids` become int64 arrays, `output_tok_ids` is emptied.

    Args:
        raw: UTF-8 text of one JSON document.

    Returns:
        The document.

    Raises:
        ValueError: Not JSON, not UTF-8, or an id list that holds anything else than 64-bit integers.
    """
    if b"\\u00" in raw:
        return json.loads(raw, object_hook=_with_arrays)  # the name of a list may be spelt with escapes
    pieces: list[bytes] = []
    arrays: list[np.ndarray] = []
    last, last_ids, done = b"", NO_IDS, 0
    for match in _LIST.finditer(raw):
        start, end = match.span(2)
        pieces.append(raw[done:start])
        done = end
        if match[1] == _UNUSED:
            continue
        text = raw[start:end]
        ids = _decode(text, last, last_ids)
        pieces.append(b"%d" % len(arrays))
        arrays.append(ids)
        last, last_ids = text, ids
    if not pieces:
        return json.loads(raw)
    pieces.append(raw[done:])

    def restore(record: dict[str, Any]) -> dict[str, Any]:
        for name in ("hash_ids", "input_tok_ids"):
            stub = record.get(name)
            if type(stub) is list:
                record[name] = arrays[stub[0]]
        return record

    try:
        return json.loads(b"".join(pieces), object_hook=restore)
    except json.JSONDecodeError:
        json.loads(raw)  # the same error, at its place in the original text
        raise


def _with_arrays(record: dict[str, Any]) -> dict[str, Any]:
    """The same record with its lists of ids as arrays."""
    for name in ("hash_ids", "input_tok_ids"):
        if type(record.get(name)) is list:
            record[name] = _array(record[name])
    return record


def _decode(text: bytes, last: bytes, last_ids: np.ndarray) -> np.ndarray:
    """Ids of the list `text`, given the text and the ids of an earlier list."""
    same = common_prefix(np.frombuffer(text, np.uint8), np.frombuffer(last, np.uint8))
    cut = text.rfind(b",", 0, same) + 1  # the number at the point of difference may have begun before it
    kept = text.count(b",", 0, cut)
    tail = _parse(text[cut:])
    return np.concatenate((last_ids[:kept], tail)) if kept else tail


def _parse(text: bytes) -> np.ndarray:
    """Integers separated by commas; none for blank text."""
    try:
        values = json.loads(b"[" + text + b"]")
    except (ValueError, RecursionError):
        values = None
    return _array(values, text)


def _array(values: list[Any] | None, text: bytes = b"") -> np.ndarray:
    """Ids as int64; those above 2**63 wrap, since only equality counts.

    Raises:
        ValueError: Anything else than a flat list of integers of 64 bits; quotes `text`.
    """
    ids = None
    with contextlib.suppress(ValueError, OverflowError):
        if values is not None:
            ids = np.array(values, dtype=None if values else np.int64)
            if ids.dtype.kind not in "iu" and all(type(value) is int for value in values):
                ids = np.array(values, dtype=np.uint64)
    if ids is None or ids.ndim != 1 or ids.dtype.kind not in "iu":
        quoted = (text or str(values).encode()[1:])[:40].decode(errors="replace")
        raise ValueError(f"a list of ids holds something else than integers of 64 bits: [{quoted} ...]")
    return ids.astype(np.int64, copy=False)


def common_prefix(a: np.ndarray, b: np.ndarray) -> int:
    """Length of the longest common prefix of two one-dimensional arrays."""
    n = min(len(a), len(b))
    if n == 0:
        return 0
    different = a[:n] != b[:n]
    at = int(different.argmax())
    return at if different[at] else n
