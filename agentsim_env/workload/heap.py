"""Memory that drawing a large workload leaves behind in the allocator."""

import ctypes
import sys

import numpy as np

_LARGE_BYTES = 1 << 24


def give_back(made: np.ndarray) -> None:
    """Return free heap pages to the system after a large array was made, by way of many that are gone.

    The allocator of glibc keeps what lies below a live array; of a workload of 100,000 programs that is 600 bytes a
    program. Elsewhere this does nothing.
    """
    if made.nbytes < _LARGE_BYTES or not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
