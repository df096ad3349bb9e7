"""Conservation of blocks in the engine's own arrays, at any moment."""

import numpy as np

from agentsim_env.engine.core.state import DECODE, NONE, PREFILL, State


def check_blocks(state: State) -> None:
    """`capacity = free + idle + pinned + locked + owned + reserved` on every instance, by their records."""
    assert (state.present == state.instance["n_waiting"] + state.instance["n_running"]).all()
    for i in range(len(state.instance)):
        _check_pool(state, i)


def _check_pool(state: State, i: int) -> None:
    pool = state.pool[i]
    records = np.flatnonzero((state.resident["pool"] == i) & (state.resident["blocks"] > 0))
    rows = state.resident[records]
    locked = rows["locks"] > 0
    pinned = ~locked & (rows["pins"] > 0)
    idle = ~locked & ~pinned
    assert pool["idle"] == rows["blocks"][idle].sum()
    assert pool["pinned"] == rows["blocks"][pinned].sum()
    assert pool["used"] == rows["blocks"].sum() + _owned(state, i) + _reserved(state, i)
    assert 0 <= pool["used"] <= pool["capacity"]
    order = _idle_list(state, i)
    assert sorted(order) == sorted(records[idle].tolist())
    place = {r: k for k, r in enumerate(order)}
    for r in order:
        parent = int(state.resident["parent"][r])
        assert parent not in place or place[parent] > place[r], "a parent is behind its children"
    n_first = int(rows["goes_first"].sum())
    assert state.resident["goes_first"][order[:n_first]].all(), "what goes first is first"
    assert pool["last_first"] == (order[n_first - 1] if n_first else NONE)
    _check_pins(state, i)


def _idle_list(state: State, i: int) -> list[int]:
    order, r = [], int(state.pool["oldest"][i])
    while r != NONE:
        order.append(r)
        r = int(state.resident["newer"][r])
    return order


def _owned(state: State, i: int) -> int:
    """Blocks of the turns in the batch that are not published."""
    size = int(state.world["block_size"][0])
    owned, s = 0, int(state.instance["running_head"][i])
    while s != NONE:
        slot = state.slot[s]
        if slot["state"] == DECODE:
            tokens = slot["target"] - slot["decode_from"] + state.instance["iteration"][i]
            owned += -(-int(tokens) // size) - int(slot["target"]) // size
        elif slot["state"] == PREFILL:
            owned += int(slot["owned"])
        s = int(slot["next"])
    return owned


def _reserved(state: State, i: int) -> int:
    """Blocks that are kept for what is on its way."""
    reserved, load = 0, int(state.instance["load_head"][i])
    while load != NONE:
        reserved += int(state.transfer["reserved"][load])
        load = int(state.transfer["next_load"][load])
    return reserved


def _check_pins(state: State, i: int) -> None:
    """Each pin holds its path, and those that ended are accounted for."""
    instance = state.instance[i]
    x, live = int(instance["pin"]), 0
    while x != NONE:
        pin = state.pin[x]
        assert pin["instance"] == i
        assert pin["again"] or pin["expiry_s"] >= state.world["now_s"][0] or _is_awaited(state, x)
        r = int(pin["record"])
        while r != NONE:
            assert state.resident["pins"][r] > 0
            assert state.resident["pool"][r] == i
            r = int(state.resident["parent"][r])
        live += 1
        x = int(pin["next"])
    assert instance["pins_used"] + instance["pins_expired"] + instance["pins_broken"] + live <= instance["pins_made"]


def _is_awaited(state: State, x: int) -> bool:
    """Whether a turn that a pin was made for waits in the queue of its instance."""
    turn = state.turn[state.pin["turn"][x]]
    followers = state.edge["target"][turn["first_edge"] : turn["first_edge"] + turn["n_edges"]]
    run = state.turn_run[followers]
    return bool(((run["instance"] == state.pin["instance"][x]) & np.isnan(run["scheduled_s"])).any())
