"""From programs and engines to a fresh `State`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from mmap import mmap
from typing import Any, NamedTuple, Protocol

import numpy as np

from agentsim_env.engine.core import events
from agentsim_env.engine.core.decisions import DECISIONS, KINDS, TARGETS
from agentsim_env.engine.core.jit import COMPILED
from agentsim_env.engine.core.state import (
    AHEAD_RUN,
    CXL,
    DUE,
    EVENT,
    FINISH,
    GAP,
    INSTANCE,
    LINE_BYTES,
    LINK,
    MODES,
    NO_COPIES,
    NONE,
    PIN,
    POOL,
    PREFIX,
    PROFILE,
    PROGRAM_RUN,
    RESIDENT,
    SEEN,
    SLOT,
    TENANT,
    TIER,
    TOOL,
    TRANSFER,
    TURN_RUN,
    WORLD,
    WRITE_BACK,
    WRITE_THROUGH,
    State,
)
from agentsim_env.engine.entry import FAULTS_AT_ONCE, FIRST_SLICE
from agentsim_env.engine.limits import held_tokens, longest_context_tokens, taken_tokens
from agentsim_env.engine.programs.future_uses import due_after, uses_of
from agentsim_env.engine.programs.shared_prefixes import shared_prefixes
from agentsim_env.engine.residency.directory import FIRST_PLACES
from agentsim_env.engine.tables import RULES, TABLES
from agentsim_env.workload.faults import FAULT, Faults
from agentsim_env.workload.programs import Programs
from agentsim_env.workload.validation import InvalidProgramsError, validate

PIN_GRID_S = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Lengths of a pin that an agent may choose from: around the gaps of tools."""

LAST_GAPS = 100
"""Gaps that are remembered of each tool (Continuum: K = 100)."""

MOST_PARAMETERS = 16
"""Parameters that a rule may have."""


class EngineLike(Protocol):
    """What the engine needs of a serving engine (`agentsim_env.hardware.engines.Engine`)."""

    profile: Any
    kv_blocks: int
    max_num_seqs: int
    max_num_batched_tokens: int
    max_model_len_tokens: int
    start_s: float
    kv_bytes_per_token: float
    mode: str


def _at(points: np.ndarray, knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Piecewise linear, constant below the first knot, the last two knots extended beyond the last."""
    inside = np.interp(points, knots, values)
    if len(knots) == 1:
        return inside
    slope = (values[-1] - values[-2]) / (knots[-1] - knots[-2])
    return np.where(points > knots[-1], values[-1] + slope * (points - knots[-1]), inside)


def _latency_rows(profile: Any, max_tokens: int, max_seqs: int) -> tuple[np.ndarray, np.ndarray]:
    """A profile's tables at every whole number of tokens and of sequences, so that the engine only indexes."""
    tokens = np.arange(max_tokens + 1.0)
    seqs = np.arange(max_seqs + 1.0)
    by_tokens = [
        _at(tokens, profile.dense_tokens, profile.dense_s),
        _at(tokens, profile.pre_c, profile.pre_a_s),
        _at(tokens, profile.pre_c, profile.pre_b_s),
    ]
    by_seqs = [_at(seqs, profile.seq_n, profile.seq_s)]
    by_seqs += [
        _at(seqs, profile.dec_n, column)
        for column in (profile.pure_a_s, profile.pure_b_s, profile.mixed_a_s, profile.mixed_b_s)
    ]
    return np.stack(by_tokens, axis=1), np.stack(by_seqs, axis=1)


class Tier(NamedTuple):
    """A tier below HBM.

    Attributes:
        level: `DRAM` or `CXL`, see `agentsim_env.engine.core.state`.
        blocks: Capacity of each of its pools.
        pool_of: Pool of each instance, counted from 0: its host, or 0 for all.
        down_bytes_per_s: Bandwidth from an instance to it, one for all or one each.
        up_bytes_per_s: Bandwidth from it to an instance, likewise.
        latency_s: Of each transfer.
        from_above_bytes_per_s: Bandwidth from a pool of the tier above to it.
        by_priority: Its links serve the most urgent first, not the first that came.
    """

    level: int
    blocks: int
    pool_of: Sequence[int]
    down_bytes_per_s: float | Sequence[float]
    up_bytes_per_s: float | Sequence[float]
    latency_s: float = 0.0
    from_above_bytes_per_s: float = 0.0
    by_priority: bool = False


class Peer(NamedTuple):
    """Links between the instances.

    Attributes:
        bytes_per_s: Bandwidth of the link over which an instance gets KV from others, one for all or one each.
        latency_s: Of each transfer.
        by_priority: The links serve the most urgent first, not the first that came.
    """

    bytes_per_s: float | Sequence[float]
    latency_s: float = 0.0
    by_priority: bool = False


@dataclass(frozen=True)
class Blueprint:
    """Everything of a simulation that does not depend on the workload.

    Attributes:
        engines: One per instance; see `EngineLike`.
        block_size: Tokens in a KV block.
        frontend_s: Gateway delay of a turn.
        view_period_s: Delay of the router's view of the instances; 0 is none.
        tree_tokens: Tokens that the router remembers per instance, for rules that keep a tree.
        time_limit_s: Where episodes are truncated.
        warmup: Programs that are not counted and that the rules answer for.
        rules: Rule of each decision kind that is not left to its default.
        parameters: Parameters of those rules, where they differ from the default.
        open_kinds: Kinds that are answered from outside.
        control_period_s: Time between control ticks, where no rule has its own.
        candidates: Candidates of a decision at most, where their number is not fixed.
        pin_grid_s: How long an agent may pin what a turn leaves.
        token_seconds: Add up what KV blocks are held for.
        slo_ttft_s: Objective for the TTFT of a turn.
        slo_tpot_s: Objective for its mean time per output token after the first.
        tiers: Tiers below HBM, the upper one first.
        write_policy: `NO_COPIES`, `WRITE_THROUGH` or `WRITE_BACK`, see `agentsim_env.engine.core.state`.
        staging_bytes: Of each pool, for what is written back.
        peer: Links between instances, if there are any.
        serialized: Transfers take effect at once, and their time is added to the next iteration.
        whole_objects: Eviction gives up whole segments, not as many blocks as are short.
    """

    engines: Sequence[Any]
    block_size: int = 16
    frontend_s: float = 0.0
    view_period_s: float = 0.0
    tree_tokens: int = 67_108_864
    time_limit_s: float = float("inf")
    warmup: int = 0
    rules: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    open_kinds: Sequence[str] = ()
    control_period_s: float = 1.0
    candidates: int = 16
    pin_grid_s: Sequence[float] = PIN_GRID_S
    token_seconds: bool = False
    slo_ttft_s: float = float("inf")
    slo_tpot_s: float = float("inf")
    tiers: Sequence[Tier] = ()
    write_policy: int = WRITE_THROUGH
    staging_bytes: float = 4 * 2**30
    peer: Peer | None = None
    serialized: bool = False
    whole_objects: bool = False

    def __post_init__(self) -> None:
        """Prepare the parts that all states share."""
        profiles: list[Any] = []
        for engine in self.engines:
            if not any(engine.profile is known for known in profiles):
                profiles.append(engine.profile)
        max_tokens = max(engine.max_num_batched_tokens for engine in self.engines)
        if any(engine.mode == "prefill_first" for engine in self.engines):
            # A whole prompt may be above the budget of an iteration.
            max_tokens = max(max_tokens, *(held_tokens(engine, self.block_size) for engine in self.engines))
        max_seqs = max(engine.max_num_seqs for engine in self.engines)
        rows = [_latency_rows(profile, max_tokens, max_seqs) for profile in profiles]
        set_ = object.__setattr__
        set_(self, "_by_tokens", np.ascontiguousarray(np.stack([row[0] for row in rows])))
        set_(self, "_by_seqs", np.ascontiguousarray(np.stack([row[1] for row in rows])))
        set_(self, "_profile", self._profile_rows(profiles))
        set_(self, "_instance", self._instance_rows(profiles))
        set_(self, "_rule", np.array([self._rule_number(kind) for kind in KINDS], "i4"))
        set_(self, "_parameter", self._parameter_rows())

    @staticmethod
    def _profile_rows(profiles: Sequence[Any]) -> np.ndarray:
        rows = np.zeros(len(profiles), PROFILE)
        for row, profile in zip(rows, profiles, strict=True):
            for name in PROFILE.names or ():
                row[name] = getattr(profile, name)
        return rows

    def _instance_rows(self, profiles: Sequence[Any]) -> np.ndarray:
        rows = np.zeros(len(self.engines), INSTANCE)
        for name in ("waiting", "running", "prefill"):
            rows[f"{name}_head"] = rows[f"{name}_tail"] = NONE
        for name in ("due_at", "pin", "peer_link", "joining", "departing", "load_head", "acting_head", "acting_tail"):
            rows[name] = NONE
        rows["max_context"] = taken_tokens(self.engines, self.block_size)
        for row, engine in zip(rows, self.engines, strict=True):
            row["profile"] = next(k for k, profile in enumerate(profiles) if profile is engine.profile)
            row["mode"] = MODES.index(engine.mode)
            row["max_num_seqs"] = engine.max_num_seqs
            row["max_tokens"] = engine.max_num_batched_tokens
            row["up"] = engine.start_s <= 0
            row["block_bytes"] = engine.kv_bytes_per_token * self.block_size
        return rows

    def rule_of(self, kind: str) -> str:
        """Name of the rule that answers a kind of decision."""
        return self.rules.get(kind, DECISIONS[kind].default)

    def _rule_number(self, kind: str) -> int:
        return RULES[kind].index(self.rule_of(kind))

    def parameters_of(self, kind: str) -> dict[str, float]:
        """Parameters of the rule that answers a kind of decision."""
        return {**TABLES[kind][self.rule_of(kind)].parameters, **self.parameters.get(kind, {})}

    def _attributes(self) -> bool:
        """Whether the admission rule counts what programs share in another way than for each of them."""
        return self.parameters_of("admit_program").get("attribution", 0.0) != 0.0

    def _parameter_rows(self) -> np.ndarray:
        rows = np.zeros((len(KINDS), MOST_PARAMETERS))
        for k, kind in enumerate(KINDS):
            values = self.parameters_of(kind)
            rows[k, : len(values)] = list(values.values())
        return rows

    def state(self, programs: Programs, faults: np.ndarray | Faults | None = None, seed: int = 0) -> State:
        """A state at time 0 in which nothing has happened yet.

        Args:
            programs: The workload.
            faults: `agentsim_env.workload.FAULT` array of failures and returns, or where they are to be had from;
                then the state has the first ones, and `Core` must be given the rest. Late starts of engines come on
                top.
            seed: For chance inside rules.

        Raises:
            InvalidProgramsError: The workload breaks a promise of `Programs`, or is not one for this cluster.
        """
        self._check(programs)
        route = TABLES["route_turn"][self.rule_of("route_turn")]
        n, n_segments = len(self.engines), len(programs.segment)
        schedule = TABLES["schedule_turn"][self.rule_of("schedule_turn")]
        n_upper = 2 * n if route.needs_tree else n
        below = lower_pools(self.tiers, n_upper)
        first = faults.part(0, FAULTS_AT_ONCE) if isinstance(faults, Faults) else faults
        first = np.zeros(0, FAULT) if first is None else first
        has_more = isinstance(faults, Faults) and len(first) == FAULTS_AT_ONCE
        events_at = self._first_events(first)
        live = _most_live(programs)
        pool = self._pools(n_upper, below)
        n_tools = max(1, len(programs.tools))
        n_queued = len(programs.edge) if any(tool.concurrency for tool in programs.tools) else 0
        most_resident = min(n_segments * len(pool), int(pool["capacity"].sum())) + 1
        instance = _on_lines(self._instance)  # type: ignore[attr-defined]
        holder, resident = np.full(n_segments, NONE, "i4"), _reserved(most_resident, RESIDENT)
        tier, link = self._ways(below, len(pool))
        if self.peer is not None:
            instance["peer_link"] = len(link) - n + np.arange(n)
        delayed = self.view_period_s > 0
        ahead = any(TABLES[kind][self.rule_of(kind)].needs_future for kind in TABLES)
        use_first, use_turn = uses_of(programs) if ahead else (np.zeros(0, "i4"), np.zeros(0, "i4"))
        world = self._world(seed)
        world["keep_books"] = self.token_seconds
        world["last_follower"] = max(np.flatnonzero(programs.program["after"] != NONE), default=NONE)
        world["keep_tree"] = route.needs_tree
        world["has_links"] = len(link) > 0
        world["serialized"] = self.serialized
        is_asked = self.rule_of("prefetch_kv") != DECISIONS["prefetch_kv"].default or "prefetch_kv" in self.open_kinds
        world["prefetches"] = bool(self.tiers) and is_asked
        world["write_policy"] = self.write_policy if self.tiers else NO_COPIES
        world["n_events"] = len(events_at)
        world["faults"] = len(first)
        world["faults_until_s"] = first["time_s"][-1] if has_more else np.inf
        world["n_places"] = FIRST_PLACES
        world["longest_context"] = longest_context_tokens(self.engines, self.block_size)
        world["steal_period_s"] = STEAL_PERIOD_S if route.steals else 0.0
        state = State(
            world=world,
            program=programs.program,
            turn=programs.turn,
            edge=programs.edge,
            segment=programs.segment,
            program_run=_program_runs(programs),
            ahead=_ahead(len(programs.program) if world["prefetches"] else 0),
            prefix=shared_prefixes(programs) if self._attributes() else np.zeros(0, PREFIX),
            turn_run=_turn_runs(programs),
            path_s=np.zeros(len(programs.turn) if schedule.needs_paths else 0),
            due_after_s=due_after(programs) if ahead else np.zeros(0),
            use_first=use_first,
            use_turn=use_turn,
            use_at=use_first[:-1].copy(),
            edge_next=np.zeros(n_queued, "i4"),
            edge_attempt=np.zeros(n_queued, "i2"),
            holder=holder,
            seen_holder=holder.copy() if delayed else holder,
            place=_reserved(max(FIRST_PLACES, 1 << (2 * most_resident - 1).bit_length()), np.dtype("i4")),
            tool=_tools(programs),
            gap=np.zeros(n_tools + 1, GAP),
            last_gaps_s=np.zeros((n_tools + 1, LAST_GAPS)),
            tenant=np.zeros(len(programs.tenants), TENANT),
            instance=instance,
            seen=instance.copy() if delayed else instance,
            pool=pool,
            seen_pool=pool.copy() if delayed else pool,
            tier=tier,
            sharer=np.zeros(n_segments if self._attributes() else 0, "i4"),
            block_s=np.zeros((n, 7)),
            residue=np.zeros((n, self.block_size), "i4"),
            finish=np.zeros((n, int(instance["max_num_seqs"].max())), FINISH),
            slot=_reserved(live, SLOT),
            resident=resident,
            seen_resident=_reserved(most_resident, RESIDENT) if delayed else resident,
            pin=_reserved(len(programs.turn) if world["retains"] else 0, PIN),
            ended=np.zeros(int(instance["max_num_seqs"].max()) if world["retains"] else 0, "i4"),
            pin_grid_s=np.array(self.pin_grid_s, float),
            link=link,
            transfer=_reserved(self._most_transfers(pool, programs, live), TRANSFER),
            event=_heap(
                events_at,
                live
                + len(events_at)
                + (FAULTS_AT_ONCE + n if has_more else 0)
                + len(link)
                + 6
                + (len(programs.turn) if world["retains"] else 0),
            ),
            due=np.zeros(n, DUE),
            profile=self._profile,  # type: ignore[attr-defined]
            by_tokens=self._by_tokens,  # type: ignore[attr-defined]
            by_seqs=self._by_seqs,  # type: ignore[attr-defined]
            rule=self._rule,  # type: ignore[attr-defined]
            parameter=self._parameter,  # type: ignore[attr-defined]
            allowed=np.zeros(n, "u1"),
            candidate=np.zeros(self.candidates, "i4"),
            option=np.zeros(TARGETS * self.candidates + OTHER_ANSWERS, "u1"),
            score=np.zeros(n),
        )
        if not COMPILED:
            state = State(*(array.view(np.recarray) if array.dtype.names else array for array in state))
            if not delayed:  # one object still, which copies of the state keep as one
                state = state._replace(**{seen: getattr(state, name) for seen, name in SEEN.items()})
        return state

    def _check(self, programs: Programs) -> None:
        """The one way of a workload into compiled code, which follows its indices without looking."""
        validate(programs)
        if programs.block_size != self.block_size:
            sizes = f"{programs.block_size} tokens, those of the cluster {self.block_size}"
            raise InvalidProgramsError(f"the blocks of the programs have {sizes}")
        if len(programs.program) == 0:
            raise InvalidProgramsError("there is no program: an episode has at least one")

    def _world(self, seed: int) -> np.ndarray:
        world = np.zeros(1, WORLD)
        lists = [
            f"{name}_{end}"
            for name in ("route", "parked", "plan", "arrived", "held", "paused", "prefetch")
            for end in ("head", "tail")
        ]
        for name in ("free_slot", "free_resident", "free_pin", "free_transfer", "asked_program", *lists):
            world[name] = NONE
        world["asked"] = world["asked_slot"] = world["asked_instance"] = world["answer"] = NONE
        world["last_routed"] = world["last_handed"] = NONE
        admission = self.parameters_of("admit_program")
        world["admission_ticks"] = TABLES["admit_program"][self.rule_of("admit_program")].tick is not None
        world["admission_period_s"] = admission.get("period_s", self.control_period_s)
        world["prefetch_period_s"] = self.parameters_of("prefetch_kv").get("period_s", self.control_period_s)
        world["window"] = admission.get("first_window", 0.0)
        world["retains"] = self.rule_of("retain_kv") != DECISIONS["retain_kv"].default or "retain_kv" in self.open_kinds
        retention = self.parameters_of("retain_kv")
        world["firm_pins"] = retention.get("firm", 0.0) != 0.0
        world["expired_first"] = retention.get("expired_first", 1.0) != 0.0
        world["retains_again"] = TABLES["retain_kv"][self.rule_of("retain_kv")].asked_again
        world["retain_period_s"] = retention.get("period_s", self.control_period_s)
        world["n_pin_times"] = len(self.pin_grid_s)
        by_age = self.rule_of("evict_kv") == DECISIONS["evict_kv"].default and "evict_kv" not in self.open_kinds
        moves = any(np.any(np.asarray(tier.down_bytes_per_s) > 0) for tier in self.tiers)
        writes_back = moves and self.write_policy == WRITE_BACK
        world["timed_eviction"] = not by_age or self.whole_objects or writes_back
        world["whole_objects"] = self.whole_objects
        world["seed"] = np.uint64(seed % 2**64)
        world["frontend_s"] = self.frontend_s
        world["view_period_s"] = self.view_period_s
        world["time_limit_s"] = self.time_limit_s
        world["slice_events"] = FIRST_SLICE
        world["warmup"] = self.warmup
        world["slo_ttft_s"], world["slo_tpot_s"] = self.slo_ttft_s, self.slo_tpot_s
        world["block_size"] = self.block_size
        world["open_kinds"] = sum(1 << KINDS.index(kind) for kind in self.open_kinds)
        return world

    def _pools(self, n_upper: int, below: Sequence[np.ndarray]) -> np.ndarray:
        n, n_pools = len(self.engines), max([n_upper, *(int(pools.max()) + 1 for pools in below)])
        pool = _reserved(n_pools, POOL)
        pool["oldest"] = pool["newest"] = pool["last_first"] = NONE
        pool["capacity"][:n] = [engine.kv_blocks for engine in self.engines]
        pool["capacity"][n:n_upper] = self.tree_tokens // self.block_size
        for tier, pools in zip(self.tiers, below, strict=True):
            pool["capacity"][pools] = tier.blocks
        if self.tiers:
            pool["staging_blocks"] = self.staging_bytes // self._block_bytes
        return pool

    @property
    def _block_bytes(self) -> float:
        """KV of one block; alike for all engines where they exchange any."""
        return self.engines[0].kv_bytes_per_token * self.block_size

    def _ways(self, below: Sequence[np.ndarray], n_pools: int) -> tuple[np.ndarray, np.ndarray]:
        """The tiers below each pool, and the links to them: two for each instance and tier, down and up.

        Then, where there are two tiers, one for each pool of the upper one, down to the lower one; and one for what
        each instance gets from others.
        """
        n = len(self.engines)
        tier = np.zeros((n_pools if self.tiers or self.peer is not None else 0, 2), TIER)
        for name in TIER.names or ():
            tier[name] = NONE
        links: list[np.ndarray] = []
        for given, pools in zip(self.tiers, below, strict=True):
            first = sum(map(len, links))
            tier["pool"][:n, given.level] = pools
            tier["down"][:n, given.level] = first + 2 * np.arange(n)
            tier["up"][:n, given.level] = first + 2 * np.arange(n) + 1
            links.append(self._links(2 * n, given))
            links[-1]["bytes_per_s"][0::2] = given.down_bytes_per_s
            links[-1]["bytes_per_s"][1::2] = given.up_bytes_per_s
        if len(self.tiers) == 2:
            upper, lower = np.unique(below[0]), dict(zip(below[0], below[1], strict=True))
            tier["pool"][upper, CXL] = [lower[pool] for pool in upper]
            tier["down"][upper, CXL] = sum(map(len, links)) + np.arange(len(upper))
            links.append(self._links(len(upper), self.tiers[1]))
            links[-1]["bytes_per_s"] = self.tiers[1].from_above_bytes_per_s
        if self.peer is not None:
            links.append(self._links(n, self.peer))
            links[-1]["bytes_per_s"] = self.peer.bytes_per_s
        return tier, np.concatenate(links) if links else np.zeros(0, LINK)

    def _links(self, n: int, given: Tier | Peer) -> np.ndarray:
        """Links on which nothing is yet."""
        links = np.zeros(n, LINK)
        for name in ("current", "queue_head", "queue_tail"):
            links[name] = NONE
        links["latency_s"] = given.latency_s
        links["block_bytes"] = self._block_bytes
        links["by_priority"] = given.by_priority
        return links

    def _most_transfers(self, pool: np.ndarray, programs: Programs, live: int) -> int:
        """Room for transfers: copies of what turns leave, loads of those that wait or act, what is staged."""
        if not self.tiers and self.peer is None:
            return 0
        per_tier = 2 * len(programs.turn) + live
        return (
            per_tier * len(self.tiers)
            + live
            + len(programs.program)
            + int(np.minimum(pool["staging_blocks"], pool["capacity"]).sum())
        )

    def _first_events(self, faults: np.ndarray) -> list[tuple[float, int, int]]:
        """(time, kind, id) of everything that is known to happen from the start."""
        known = [(engine.start_s, events.INSTANCE_UP, i) for i, engine in enumerate(self.engines) if engine.start_s > 0]
        for fault in faults:
            kind = events.INSTANCE_UP if fault["up"] else events.INSTANCE_DOWN
            known.append((float(fault["time_s"]), kind, int(fault["instance"])))
        if self.view_period_s > 0:
            known.append((0.0, events.CONTROL_TICK, events.VIEW_TICK))
        if TABLES["route_turn"][self.rule_of("route_turn")].steals:
            known.append((STEAL_PERIOD_S, events.CONTROL_TICK, events.STEAL_TICK))
        return known


def lower_pools(tiers: Sequence[Tier], first: int) -> list[np.ndarray]:
    """Pool of each instance in each tier, where those of the first tier are numbered from `first` on."""
    below: list[np.ndarray] = []
    for tier in tiers:
        below.append(first + np.array(tier.pool_of))
        first = int(below[-1].max()) + 1
    return below


OTHER_ANSWERS = 32
"""Answers of a decision that are no candidate (hold, reject, pin for so long ...) at most."""

STEAL_PERIOD_S = 0.1
"""How often idle instances look for work to steal (SAGA observes each 0.1 s)."""

_LARGE_BYTES = 1 << 20


def _reserved(n: int, dtype: np.dtype) -> np.ndarray:
    """Zeros for the worst case, from a cache line on: of a large array, what is never touched takes no memory."""
    n_bytes = n * dtype.itemsize
    if n_bytes < _LARGE_BYTES:
        room = np.zeros(n_bytes + LINE_BYTES, "u1")
        first = -room.ctypes.data % LINE_BYTES
        return room[first : first + n_bytes].view(dtype)
    return np.frombuffer(mmap(-1, n_bytes), dtype)


def _on_lines(array: np.ndarray) -> np.ndarray:
    """A copy that begins with a cache line."""
    copy = _reserved(len(array), array.dtype)
    copy[:] = array
    return copy


def _heap(events_at: list[tuple[float, int, int]], n: int) -> np.ndarray:
    """The event heap with what is known from the start; what is sorted is a heap."""
    heap = _reserved(n, EVENT)
    for at, (time_s, kind, number) in enumerate(sorted(events_at)):
        heap[at] = (time_s, kind << 32 | number)
    return heap


def _most_live(programs: Programs) -> int:
    """Upper bound on turns, and on timed events, that live at once: one a chain, all turns and edges of a DAG."""
    first, n_turns = programs.program["first_turn"], programs.program["n_turns"]
    edges = np.diff(programs.turn["first_edge"][first], append=len(programs.edge))
    most_edges = np.maximum.reduceat(programs.turn["n_edges"], first)
    most_parents = np.maximum.reduceat(programs.turn["n_parents"], first)
    chain = (edges == n_turns - 1) & (most_edges <= 1) & (most_parents <= 1)
    return int(np.where(chain, 1, edges + n_turns).sum()) + 1


def _program_runs(programs: Programs) -> np.ndarray:
    runs = np.zeros(len(programs.program), PROGRAM_RUN)
    runs["end_s"] = np.nan
    runs["arrived_s"] = runs["admitted_s"] = np.nan
    runs["turns_left"] = programs.program["n_turns"]
    runs["home"] = runs["follower"] = runs["sibling"] = runs["pin"] = NONE
    for p in np.flatnonzero(programs.program["after"] >= 0)[::-1]:
        first = programs.program["after"][p]
        runs["sibling"][p] = runs["follower"][first]
        runs["follower"][first] = p
    return runs


def _ahead(n: int) -> np.ndarray:
    ahead = np.zeros(n, AHEAD_RUN)
    for name in ("last_turn", "acting_at", "next_acting", "previous_acting", "prefetch", "prefetched"):
        ahead[name] = NONE
    return ahead


def _turn_runs(programs: Programs) -> np.ndarray:
    runs = np.zeros(len(programs.turn), TURN_RUN)
    for name in ("ready_s", "routed_s", "scheduled_s", "first_token_s", "end_s"):
        runs[name] = np.nan
    runs["pending"] = programs.turn["n_parents"]
    runs["instance"] = NONE
    return runs


def _tools(programs: Programs) -> np.ndarray:
    tools = np.zeros(max(1, len(programs.tools)), TOOL)
    tools["queue_head"] = tools["queue_tail"] = NONE
    for row, tool in zip(tools, programs.tools, strict=False):
        row["concurrency"], row["backoff_s"] = tool.concurrency, tool.backoff_s
    return tools
