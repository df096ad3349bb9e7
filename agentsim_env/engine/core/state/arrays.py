"""The whole simulation as a tuple of arrays: each is declared once, with its type and its shape."""

from typing import Annotated, Any, NamedTuple, get_type_hints

import numpy as np

from agentsim_env.engine.core.state.instances import DUE, FINISH, INSTANCE, LANES, PROFILE, SLOT
from agentsim_env.engine.core.state.kv import ADAPTER_SLOT, LINK, PIN, POOL, RESIDENT, TIER, TRANSFER
from agentsim_env.engine.core.state.programs import (
    AHEAD_RUN,
    ANNOUNCER,
    GAP,
    PREFIX,
    PROGRAM_RUN,
    SOCIETY,
    STEP_ROW,
    STEP_RUN,
    TENANT,
    TOOL,
    TURN_RUN,
)
from agentsim_env.engine.core.state.world import EVENT, POLICY, WORLD
from agentsim_env.workload.programs import EDGE, PROGRAM, REPORT, SEGMENT, TURN

F8, F4, I8, I4 = np.dtype("f8"), np.dtype("f4"), np.dtype("i8"), np.dtype("i4")
I2, U1 = np.dtype("i2"), np.dtype("u1")

FIXED = "fixed"
"""Mark of an array that no simulation changes; snapshots share it."""


class State(NamedTuple):
    """N instances, P programs, T turns, E edges, S segments, K candidates at most.

    An array is annotated with the type of its elements, its shape, and `FIXED` if no simulation changes it. One that
    only some rules or clusters need has the shape [0] elsewhere.
    """

    world: Annotated[Any, WORLD, "1"]

    # Programs and their turns: the workload, and what becomes of it.
    program: Annotated[Any, PROGRAM, "P", FIXED]
    turn: Annotated[Any, TURN, "T", FIXED]
    edge: Annotated[Any, EDGE, "E", FIXED]
    segment: Annotated[Any, SEGMENT, "S", FIXED]
    program_run: Annotated[Any, PROGRAM_RUN, "P"]
    turn_run: Annotated[Any, TURN_RUN, "T"]
    ahead: Annotated[Any, AHEAD_RUN, "P"]  # if somebody is asked what to bring up ahead of its use
    path_s: Annotated[Any, F8, "T"]  # if a rule asks: service on the longest path of ended turns that leads to a turn
    served_tokens: Annotated[Any, F8, "P"]  # if a rule asks: see engine/programs/served.py
    tenant: Annotated[Any, TENANT, "tenants"]

    # Tools.
    tool: Annotated[Any, TOOL, "kinds"]
    edge_next: Annotated[Any, I4, "E"]  # if there are tool servers: next edge in the queue of one
    edge_attempt: Annotated[Any, I2, "E"]  # likewise: attempts begun on one
    gap: Annotated[Any, GAP, "kinds + 1"]  # tool gaps that have ended, by tool and, in the last row, of all tools
    last_gaps_s: Annotated[Any, F8, "kinds + 1, 100"]  # the last of these; a ring

    # Societies, whose programs take steps together, and what programs say of their next calls.
    society: Annotated[Any, SOCIETY, "societies"]
    step_row: Annotated[Any, STEP_ROW, "steps + 1", FIXED]
    step_turn: Annotated[Any, I4, "turns in steps", FIXED]
    step_run: Annotated[Any, STEP_RUN, "steps"]
    report: Annotated[Any, REPORT, "reports", FIXED]  # by step, those after a turn behind all others
    turn_report: Annotated[Any, I4, "T", FIXED]  # if there are any after a turn: that of each turn, NONE for none
    announced: Annotated[Any, F8, "P"]  # if there are reports: step of the next call, or its time in seconds; inf: none
    announcer: Annotated[Any, ANNOUNCER, "P"]  # likewise

    # What rules know of the future, or of what programs share, if they ask for it.
    due_after_s: Annotated[Any, F8, "T", FIXED]  # see engine/programs/future_uses.py
    use_first: Annotated[Any, I4, "S + 1", FIXED]  # uses of segment s: `use_turn[use_first[s]:use_first[s + 1]]`
    use_turn: Annotated[Any, I4, "uses", FIXED]  # turns that use a segment, in order
    use_at: Annotated[Any, I4, "S"]  # first of them that is not over
    prefix: Annotated[Any, PREFIX, "P", FIXED]
    owner_first: Annotated[Any, I4, "S + 1", FIXED]  # owners of segment s: `owner[owner_first[s]:owner_first[s + 1]]`
    owner: Annotated[Any, I4, "owners", FIXED]  # programs, in order; see engine/programs/memory_owners.py
    adapter_first: Annotated[Any, I4, "adapters + 1", FIXED]  # those of each adapter, likewise
    adapter_owner: Annotated[Any, I4, "owners of adapters", FIXED]
    sharer: Annotated[Any, I4, "S"]  # scratch of rules that attribute shared prefixes to programs

    # Instances, their queues and batches.
    instance: Annotated[Any, INSTANCE, "N"]
    slot: Annotated[Any, SLOT, "most live turns"]
    residue: Annotated[Any, I4, "N, block size"]  # decodes by (KV tokens - iteration count) modulo the block size
    finish: Annotated[Any, FINISH, "N, max sequences"]  # heaps
    due: Annotated[Any, DUE, "N"]  # heap of the running instances
    due_at: Annotated[Any, I4, "N"]  # place of each in it, NONE if it does not run
    present: Annotated[Any, I4, "N"]  # turns that wait or run on each: routers look at all of them
    event: Annotated[Any, EVENT, "most events"]  # heap
    lanes: Annotated[Any, LANES, "N"]  # if an instance has two lanes
    slot_s: Annotated[Any, F8, "N, slots + 1"]  # likewise: time of the decode lane in each slot
    budget_grid_tokens: Annotated[Any, I4, "budgets", FIXED]  # that an agent may choose from
    prefill_throughput: Annotated[Any, F8, "shares", FIXED]  # on equidistant shares of the SMs, over that on all
    profile: Annotated[Any, PROFILE, "profiles", FIXED]
    # Seconds: dense; prefill attention; the same for each cached token.
    by_tokens: Annotated[Any, F8, "profiles, tokens + 1, 3", FIXED]
    # Seconds: per sequence; decode attention and the same for each KV token, in a pure batch and in a mixed one.
    by_seqs: Annotated[Any, F8, "profiles, sequences + 1, 5", FIXED]

    # KV. Pools: HBM of each instance, the router's tree of each instance if it keeps one, lower tiers.
    pool: Annotated[Any, POOL, "pools"]
    tier: Annotated[Any, TIER, "pools, 2"]  # tiers below each pool
    resident: Annotated[Any, RESIDENT, "most resident records"]
    holder: Annotated[Any, I4, "S"]  # if somebody looks who holds a segment: its first resident record
    place: Annotated[Any, I8, "power of two"]  # resident records by hash; see engine/residency/directory.py
    adapter_slot: Annotated[Any, ADAPTER_SLOT, "N, most slots"]  # if an instance has any
    adapter_at: Annotated[Any, I4, "N, adapters"]  # likewise: slot of each adapter, NONE where it is not
    block_s: Annotated[Any, F8, "N, 7"]  # block-seconds of the instances by what for; see engine/residency/kv_time.py
    pin: Annotated[Any, PIN, "most pins"]
    ended: Annotated[Any, I4, "most ends at once"]  # turns that have ended and whose KV is to be decided about
    link: Annotated[Any, LINK, "links"]
    transfer: Annotated[Any, TRANSFER, "most transfers"]
    incoming: Annotated[Any, I4, "S"]  # if there are links: loads on their way that go down to a segment, or further

    # What the router sees of the cluster: see `SEEN`.
    seen: Annotated[Any, INSTANCE, "N"]
    seen_present: Annotated[Any, I4, "N"]
    seen_pool: Annotated[Any, POOL, "pools"]
    seen_holder: Annotated[Any, I4, "S"]
    seen_resident: Annotated[Any, RESIDENT, "most resident records"]

    # Rules, and the decision that is being made.
    rule: Annotated[Any, I4, "decision kinds", FIXED]  # rule that answers each kind
    parameter: Annotated[Any, F8, "decision kinds, parameters", FIXED]  # of the rule in force
    pin_grid_s: Annotated[Any, F8, "G"]  # how long a pin may last
    allowed: Annotated[Any, U1, "N"]  # mask of a routing decision
    candidate: Annotated[Any, I4, "K"]  # candidates of another decision: slots, records or programs, by its kind
    option: Annotated[Any, U1, "most answers"]  # mask of its answers, candidates or not
    score: Annotated[Any, F8, "N"]  # scratch of routing rules
    policy: Annotated[Any, POLICY, "decision kinds", FIXED]  # if trained policies answer some of them
    policy_weights: Annotated[Any, F4, "weights", FIXED]  # of all of them
    policy_rows: Annotated[Any, F4, "most answers x features"]  # scratch of these: what they see
    policy_work: Annotated[Any, F4, "numbers"]  # likewise: what they compute in
    memory: Annotated[Any, F8, "N, M"]  # if the router learns: what it knows of each instance; see `Memory`
    sent_as: Annotated[Any, F8, "most live turns, L"]  # likewise: what it noted of a turn when it sent it


class Layout(NamedTuple):
    """How an array of the state lies in memory."""

    dtype: np.dtype
    ndim: int
    fixed: bool


def _layout() -> dict[str, Layout]:
    layout: dict[str, Layout] = {}
    for name, hint in get_type_hints(State, include_extras=True).items():
        dtype, shape, *marks = hint.__metadata__
        layout[name] = Layout(dtype, len(shape.split(",")), FIXED in marks)
    return layout


LAYOUT = _layout()
"""The layout of each array of `State`, in order."""

SEEN = {
    "seen": "instance",
    "seen_present": "present",
    "seen_pool": "pool",
    "seen_holder": "holder",
    "seen_resident": "resident",
}
"""What the router sees, and of what: one array stands for both unless views are delayed."""


def handle(state: State) -> np.ndarray:
    """Addresses and shapes of a state's arrays, `int64 [4, arrays]`; `engine/core/pointer.py` reads it.

    The addresses stand together: a step reads most of them, and few of the lengths. Passing this one array into
    compiled code takes about 0.2 µs; passing all arrays takes 0.24 µs each. The arrays must outlive it.

    Raises:
        TypeError: If an array does not have the layout that `LAYOUT` declares.
    """
    words = []
    for array, (name, layout) in zip(state, LAYOUT.items(), strict=True):
        if array.dtype != layout.dtype or array.ndim != layout.ndim or not array.flags.c_contiguous:
            found = f"{array.ndim}-d {array.dtype}"
            raise TypeError(f"state.{name} must be a contiguous {layout.ndim}-d array of {layout.dtype}, not {found}")
        words.append((array.ctypes.data, *array.shape, *(1,) * (3 - array.ndim)))
    return np.array(words, np.int64).T.copy()
