"""Which programs share a memory object: a segment of KV, or an adapter."""

import numpy as np

from agentsim_env.workload.programs import Programs


def segment_owners(programs: Programs) -> tuple[np.ndarray, np.ndarray]:
    """(first, program): those that use segment s again and again are `program[first[s]:first[s + 1]]`, in order.

    A segment that a single turn uses has no owner: it is the part of a prompt that changes from call to call (KVFlow
    calls it dynamic), and is not used again.
    """
    segment, turn = programs.segment, programs.turn
    at, left = turn["segment"].astype(np.int64), np.arange(len(turn))
    pairs = []
    while len(left):
        pairs.append(np.stack([at, left]))
        at = segment["parent"][at].astype(np.int64)
        left, at = left[at >= 0], at[at >= 0]
    user, of = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), np.int64)
    again = np.bincount(user, minlength=len(segment)) > 1
    kept = again[user]
    return _by_object(user[kept], turn["program"][of[kept]], len(segment))


def adapter_owners(programs: Programs) -> tuple[np.ndarray, np.ndarray]:
    """(first, program): those that need adapter a are `program[first[a]:first[a + 1]]`, in order."""
    adapter = programs.program["adapter"]
    owners = np.flatnonzero(adapter >= 0)
    return _by_object(adapter[owners], owners, int(adapter.max(initial=-1)) + 1)


def _by_object(thing: np.ndarray, program: np.ndarray, n_things: int) -> tuple[np.ndarray, np.ndarray]:
    n_programs = int(program.max(initial=0)) + 1
    pairs = np.unique(thing.astype(np.int64) * n_programs + program)
    first = np.searchsorted(pairs, np.arange(n_things + 1) * n_programs)
    return first.astype("i4"), (pairs % n_programs).astype("i4")
