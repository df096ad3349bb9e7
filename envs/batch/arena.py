"""Memory for the states of many episodes: each in one piece, on large pages, and used again.

A step reads some hundred cache lines of forty arrays. Wherever the system puts them, they lie on as many pages, and of
many episodes the processor then keeps neither the lines nor the pages in mind.
"""

import mmap
from collections import defaultdict
from itertools import accumulate

import numpy as np

from agentsim_env.engine.core.state import LAYOUT, LINE_BYTES, SEEN, State

HOT = (
    "world",
    "instance",
    "pool",
    "due",
    "due_at",
    "present",
    "event",
    "slot",
    "finish",
    "gap",
    "score",
    "allowed",
    "option",
)
"""Arrays that every step reads: they come first."""

_ORDER = (*HOT, *(name for name in LAYOUT if name not in HOT and name not in SEEN))
_COMMON = ("profile", "by_tokens", "by_seqs")
"""What all states of a blueprint share."""

_MOST_BYTES = 1 << 20
"""Of an array; a larger one was made for the worst case, is hardly touched, and stays where it is."""

_LARGE_PAGE_BYTES = 1 << 21
_SLAB_BYTES = 1 << 23


class _Piece:
    """A piece of a slab; what is made of it keeps it, and the slab. In the end it goes back to those that are free."""

    def __init__(self, slab: mmap.mmap, address: int, n_bytes: int, free: list[tuple[mmap.mmap, int]]) -> None:
        self.__array_interface__ = {"data": (address, False), "shape": (n_bytes,), "typestr": "|u1", "version": 3}
        self._back = free, (slab, address)

    def __del__(self) -> None:
        free, place = self._back
        free.append(place)


class Arena:
    """Gives pieces of memory to states."""

    def __init__(self) -> None:
        self._free: defaultdict[int, list[tuple[mmap.mmap, int]]] = defaultdict(list)
        self._slab: mmap.mmap | None = None
        self._next = self._end = 0

    def settle(self, state: State) -> State:
        """The same state with its own arrays in one piece of this memory."""
        moved = [name for name in _ORDER if name not in _COMMON and 0 < getattr(state, name).nbytes <= _MOST_BYTES]
        seen = [name for name, of in SEEN.items() if getattr(state, name) is not getattr(state, of)]
        moved += [name for name in seen if 0 < getattr(state, name).nbytes <= _MOST_BYTES]
        sizes = [-(-getattr(state, name).nbytes // LINE_BYTES) * LINE_BYTES for name in moved]
        room, arrays = self._take(sum(sizes)), {}
        for name, first in zip(moved, accumulate(sizes, initial=0), strict=False):
            old = getattr(state, name)
            place = room[first : first + old.nbytes]
            place[:] = old.reshape(-1).view("u1")
            arrays[name] = place.view(old.dtype).reshape(old.shape)
        same = {name: arrays.get(of, getattr(state, of)) for name, of in SEEN.items() if name not in seen}
        return state._replace(**arrays, **same)

    def _take(self, n_bytes: int) -> np.ndarray:
        grain = max(LINE_BYTES, 1 << (n_bytes.bit_length() - 4))
        size = -(-n_bytes // grain) * grain  # one of eight from one power of two to the next
        free = self._free[size]
        try:
            slab, address = free.pop()
        except IndexError:
            slab, address = self._cut(size)
        return np.asarray(_Piece(slab, address, size, free))

    def _cut(self, size: int) -> tuple[mmap.mmap, int]:
        """A piece that nobody has had."""
        if self._slab is None or self._next + size > self._end:
            n_bytes = max(_SLAB_BYTES, size) + _LARGE_PAGE_BYTES
            self._slab = mmap.mmap(-1, n_bytes)
            if hasattr(mmap, "MADV_HUGEPAGE"):
                self._slab.madvise(mmap.MADV_HUGEPAGE)
            address = np.frombuffer(self._slab, "u1").ctypes.data
            self._next, self._end = -(-address // _LARGE_PAGE_BYTES) * _LARGE_PAGE_BYTES, address + n_bytes
        address, self._next = self._next, self._next + size
        return self._slab, address
