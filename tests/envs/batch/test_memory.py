"""Memory of a batch: states lie together, are used again, and are not pulled from under those who look at them."""

import gc
import resource
import threading
from typing import Any

import gymnasium
import numpy as np
import pytest

from agentsim_env.engine.core.jit import COMPILED
from agentsim_env.engine.core.state import LINE_BYTES
from agentsim_env.envs.batch.arena import HOT, Arena
from agentsim_env.envs.batch.batch import Batch
from tests.engine.hand_made import state
from tests.envs.test_environments import SHORT


def test_a_settled_state_is_the_same_in_one_piece() -> None:
    made = state()
    settled = Arena().settle(made)
    for old, new in zip(made, settled, strict=True):
        assert (old.shape, old.dtype, old.tobytes()) == (new.shape, new.dtype, new.tobytes())
    assert settled.seen is settled.instance
    assert settled.by_tokens is made.by_tokens
    addresses = [getattr(settled, name).ctypes.data for name in HOT if getattr(settled, name).nbytes]
    assert addresses == sorted(addresses)
    assert all(address % LINE_BYTES == 0 for address in addresses)


def test_a_piece_is_given_out_again_when_nobody_looks_at_it_any_more() -> None:
    arena = Arena()
    first = arena.settle(state())
    view, where = first.turn_run, first.world.ctypes.data
    del first
    gc.collect()
    second = arena.settle(state())
    assert second.world.ctypes.data != where
    del view
    gc.collect()
    assert arena.settle(state()).world.ctypes.data == where


def test_memory_outlives_its_arena() -> None:
    settled = Arena().settle(state())
    gc.collect()
    assert np.array_equal(settled.turn, state().turn)


@pytest.mark.skipif(not COMPILED, reason="takes minutes")
def test_memory_is_flat() -> None:
    env: Any = gymnasium.make("AgentSim/Routing-v1", **SHORT).unwrapped
    batch = Batch(env, 32, threads=2)
    batch.reset(range(32))
    actions = np.zeros(32, int)
    for _ in range(300):
        batch.step(actions)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(1500):
        batch.step(actions)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 << 10
    batch.close()


def test_its_threads_end_with_it() -> None:
    env: Any = gymnasium.make("AgentSim/Routing-v1", **SHORT).unwrapped
    before = set(threading.enumerate())
    batch = Batch(env, 4, threads=2)
    batch.reset(range(4))
    batch.step(np.zeros(4, int))
    threads = set(threading.enumerate()) - before
    assert threads
    del batch
    gc.collect()
    for thread in threads:
        thread.join(10.0)
        assert not thread.is_alive()
