"""Memory of arrays whose records are looked at all the time, and of those that are made for the worst case."""

from mmap import mmap

import numpy as np

from agentsim_env.engine.core.state import LINE_BYTES

_LARGE_BYTES = 1 << 20


def reserved(n: int, dtype: np.dtype) -> np.ndarray:
    """Zeros for the worst case, from a cache line on: of a large array, what is never touched takes no memory."""
    n_bytes = n * dtype.itemsize
    if n_bytes < _LARGE_BYTES:
        room = np.zeros(n_bytes + LINE_BYTES, "u1")
        first = -room.ctypes.data % LINE_BYTES
        return room[first : first + n_bytes].view(dtype)
    return np.frombuffer(mmap(-1, n_bytes), dtype)
