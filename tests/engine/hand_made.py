"""States of the engine made by hand, for tests of its parts."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numba
import numpy as np

from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.jit import COMPILED
from agentsim_env.engine.core.pointer import bind
from agentsim_env.engine.core.state import EVENT, State, handle
from agentsim_env.hardware import Engine, Profile
from tests.reference.building import WorkloadBuilder

FLAT = Profile(
    **{name: [1.0] for name in ("dense_tokens", "seq_n", "dec_n", "pre_c")},
    **{name: [0.0] for name in ("seq_s", "pure_a_s", "pure_b_s", "mixed_a_s", "mixed_b_s", "pre_a_s", "pre_b_s")},
    dense_s=np.array([0.01]),
    **dict.fromkeys(
        ("overhead_s", "cpu_s", "cpu_per_seq_s", "cpu_per_token_s", "serial_pure_s", "serial_mixed_s"), 0.0
    ),
)
"""Every iteration takes 10 ms."""


def engine(**changes: Any) -> Engine:
    """An instance of 100 blocks and 10 ms an iteration."""
    values = {
        "gpu": "test",
        "model": "test",
        "tp": 1,
        "dtype": "bf16",
        "profile": FLAT,
        "kv_blocks": 100,
        "max_num_seqs": 8,
        "max_num_batched_tokens": 256,
        "max_model_len_tokens": 10_000,
        "price_per_hour": 1.0,
        "kv_bytes_per_token": 1,
        "estimated": False,
    }
    return Engine(**{**values, **changes})


def state(
    segments: Sequence[tuple[int, int]] = ((-1, 8),),
    n_instances: int = 1,
    n_events: int = 8,
    cluster: Mapping[str, Any] | None = None,
    **instance: Any,
) -> State:
    """A state at time 0.

    Args:
        segments: Parent and number of blocks of each segment.
        n_instances: Equal instances.
        n_events: Places for events.
        cluster: What else the `Blueprint` has.
        instance: What differs from `engine()`.
    """
    work = WorkloadBuilder()
    for parent, n_blocks in segments:
        work.segment(n_blocks, parent)
    work.program(0.0)
    work.turn(0, 5, 5)
    fresh = new_state(Blueprint([engine(**instance)] * n_instances, **(cluster or {})), work.build())
    return fresh._replace(event=np.zeros(n_events, EVENT).view(type(fresh.event)))


def called(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of the engine returns that takes no state: compiled ones are not there for Python."""
    return _caller(function)(arguments) if COMPILED else function(*arguments)


@cache
def _caller(function: Callable[..., Any]) -> Callable[..., Any]:
    @numba.njit
    def call(given):
        return function(*given)

    return call


def bound(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the engine that takes a state from Python, and is otherwise the one that the engine runs."""
    if not COMPILED:
        return function

    @numba.njit
    def call(table, *arguments):
        return function(bind(table), *arguments)

    return lambda made, *arguments: call(handle(made), *arguments)
