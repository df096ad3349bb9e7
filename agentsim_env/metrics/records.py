"""The records of a simulation: one row per turn, program and instance."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from agentsim_env.engine.core.state import ACTIVE, DONE, FAILED, HELD, INSTANCE, REJECTED, UNBORN, State
from agentsim_env.metrics.ideal import ideal_s
from agentsim_env.metrics.token_seconds import TOKEN_SECONDS, token_seconds
from agentsim_env.workload.programs import Programs

if TYPE_CHECKING:
    import pandas as pd

    from agentsim_env.hardware.engines import Engine

_VERSION = version("agentsim-env")

TURNS = np.dtype(
    [
        ("program", "i4"),
        ("turn_index", "i4"),  # number of the turn in its program
        ("ready_s", "f8"),  # all parents' tools have returned
        ("routed_s", "f8"),  # last routing
        ("queued_s", "f8"),  # joins the queue of its instance; the time of the last routing
        ("scheduled_s", "f8"),  # first time in a batch
        ("first_token_s", "f8"),
        ("end_s", "f8"),
        ("queueing_s", "f8"),  # from the gateway's end to the first time in a batch
        ("prompt_tokens", "i4"),
        ("new_tokens", "i4"),  # of the prompt, those that no earlier turn of the program brought or generated
        ("output_tokens", "i4"),
        ("hit_tokens", "i4"),  # of the prompt, those that its first stay in a batch found in the KV cache
        ("readmission_hit_tokens", "i4"),  # found when it came back after a preemption or a failure ...
        ("readmission_lookup_tokens", "i4"),  # ... of so many
        ("computed_tokens", "i4"),  # prefill tokens computed
        ("recomputed_tokens", "i4"),  # of these, those that its program had had before
        ("preemptions", "i4"),
        ("instance", "i4"),  # of the last routing, -1 for none
    ]
)
"""One row per turn. Times are seconds from the start of the episode, NaN where nothing has happened."""

PROGRAMS = np.dtype(
    [
        ("arrival_s", "f8"),
        ("end_s", "f8"),
        ("jct_s", "f8"),  # end - arrival; of programs that are done
        ("held_s", "f8"),  # time from arrival to admission, or until now
        ("paused_s", "f8"),  # time paused, until now
        ("pauses", "i4"),
        ("gap_s", "f8"),  # time in which the program neither waited nor was served
        ("ideal_s", "f8"),  # least JCT that any schedule could reach; see `ideal`
        ("slowdown", "f8"),  # jct_s / ideal_s
        ("deadline_s", "f8"),  # inf for none
        ("n_turns", "i4"),
        ("counted", "?"),  # not a warm-up program
    ]
)
"""One row per program, beside the names `state`, `family` and `tenant`."""

INSTANCES = np.dtype(
    [
        ("tp", "i4"),
        ("up_s", "f8"),  # time up
        ("busy_s", "f8"),  # time in iterations that ended
        ("utilisation", "f8"),  # busy_s / up_s
        ("iterations", "i8"),
        ("turns", "i8"),  # turns that ended here
        ("prefill_tokens", "i8"),  # prefill tokens computed
        ("decode_tokens", "i8"),  # tokens generated
        ("hit_tokens", "i8"),  # prompt tokens that first stays found in the KV cache ...
        ("lookup_tokens", "i8"),  # ... of so many
        ("readmission_hit_tokens", "i8"),  # likewise of turns that came back
        ("readmission_lookup_tokens", "i8"),
        ("asked_tokens", "i8"),  # all hits + computed
        ("preemptions", "i8"),
        ("reordered", "i8"),  # turns that joined a batch before the head of the queue
        ("held_back", "i8"),  # times that nobody joined although the head of the queue could have
        ("steals", "i8"),  # waiting turns taken from other instances
        ("pins_made", "i8"),
        ("pins_used", "i8"),  # ended by a turn that they were for
        ("pins_expired", "i8"),
        ("pins_broken", "i8"),  # given up under pressure
        ("evicted_blocks", "i8"),
        ("dropped_blocks", "i8"),  # given up by `retain_kv`
        ("loaded_blocks", "i8"),  # brought up from the tiers below
        ("stored_blocks", "i8"),  # copied to them
        ("migrated_blocks", "i8"),  # brought from other instances
        ("demoted_blocks", "i8"),  # given up because a copy that was asked for is below
        ("lost_blocks", "i8"),  # were to be copied, and found no place below or in the staging buffer
        ("prefetches", "i8"),  # contexts brought up ahead of their use: begun ...
        ("prefetches_used", "i8"),  # ... found by the next turn of the program ...
        ("prefetches_wasted", "i8"),  # ... or not
        ("prefetches_interrupted", "i8"),  # on their link by what a waiting turn needed
        ("prefetches_cancelled", "i8"),  # before they began, as distances had changed
        ("wasted_bytes", "f8"),  # moved to it by loads that were given up, or ahead of a use that did not come
        ("adapter_lookups", "i8"),  # turns that needed an adapter, as often as they joined a batch ...
        ("adapter_hits", "i8"),  # ... of these, those that had not waited for it
        ("adapter_loads", "i8"),  # adapters brought up from host memory ...
        ("adapter_load_bytes", "f8"),  # ... and their bytes
        ("prefill_lane_s", "f8"),  # of instances with two lanes: time of the prefill lane in iterations ...
        ("prefill_lane_iterations", "i8"),  # ... of so many
        ("merged_prefills", "i8"),  # resume prefills that joined the decode lane
        ("budget_changes", "i8"),  # answers to `set_prefill_budget` that changed something
        ("rebinds", "i8"),  # times that a lane was bound to another slot
        ("decode_share", "f8"),  # mean share of the SMs that the decode lane has had, over its `busy_s`
        ("peak_blocks", "i8"),  # most KV blocks resident or owned at once
        ("capacity_blocks", "i8"),
        *((f"{kind}_token_s", "f8") for kind in TOKEN_SECONDS),  # NaN unless they are added up
        ("cost_usd", "f8"),  # time up at the price of all its GPUs
    ]
)
"""One row per instance, beside the names `gpu` and `model`. Warm-up programs are in it."""

STEPS = np.dtype(
    [
        ("society", "i4"),
        ("step", "i4"),
        ("calls", "i4"),  # turns that stand in it
        ("begun_s", "f8"),
        ("ended_s", "f8"),  # all turns in it and in the steps before have ended
        ("stall_s", "f8"),  # time for which it was waited for them beyond the least length of a step
    ]
)
"""One row per step of each society; there is none where programs go their own way."""

COUNTS = tuple(name for name in INSTANCES.names or () if name in (INSTANCE.names or ()) and INSTANCES[name].kind == "i")
"""Columns that the engine counts by the same name."""

STATES = dict(
    sorted(
        {UNBORN: "unborn", HELD: "held", ACTIVE: "active", DONE: "done", REJECTED: "rejected", FAILED: "failed"}.items()
    )
)
"""Name of each state of a program."""


@dataclass(frozen=True, eq=False)
class Records:
    """What happened in an episode.

    Attributes:
        turns: `TURNS` array; turns of a program are contiguous, programs in the order of `programs`.
        programs: `PROGRAMS` array with the names `state`, `family`, `tenant`.
        instances: `INSTANCES` array with the names `gpu`, `model`.
        now_s: Simulated time when the records were taken.
        metadata: What identifies the run: scenario and its hash, seed, rules, versions and so on.
        steps: `STEPS` array.
    """

    turns: np.ndarray
    programs: np.ndarray
    instances: np.ndarray
    now_s: float
    metadata: dict[str, Any] = field(default_factory=dict)
    steps: np.ndarray = field(default_factory=lambda: np.zeros(0, STEPS))

    @classmethod
    def from_state(
        cls, state: State, programs: Programs, engines: Sequence["Engine"], metadata: Mapping[str, Any] | None = None
    ) -> "Records":
        """The records of a simulation as it is now.

        Args:
            state: The simulation, all its instances synchronised.
            programs: Its workload.
            engines: Its instances.
            metadata: What identifies the run; versions are added.
        """
        world = state.world[0]
        return cls(
            turns=_turns(state, float(world["frontend_s"])),
            programs=_programs(state, programs, engines),
            instances=_instances(state, engines, float(world["now_s"])),
            now_s=float(world["now_s"]),
            metadata={**(metadata or {}), "versions": versions()},
            steps=_steps(state),
        )

    @property
    def counted_turns(self) -> np.ndarray:
        """Rows of `turns` whose programs are not warm-up."""
        return self.turns[self.programs["counted"][self.turns["program"]]]

    @property
    def counted_programs(self) -> np.ndarray:
        """Rows of `programs` that are not warm-up."""
        return self.programs[self.programs["counted"]]

    def content_hash(self) -> str:
        """SHA-256 of all rows as hexadecimal digits; metadata does not count."""
        digest = hashlib.sha256()
        for array in self._arrays().values():
            for name in array.dtype.names or ():
                column = np.ascontiguousarray(array[name])
                digest.update(f"{name} {len(column)} ".encode())
                digest.update("\n".join(column).encode() if column.dtype.kind == "U" else column.tobytes())
        return digest.hexdigest()

    def to_frames(self) -> dict[str, "pd.DataFrame"]:
        """The rows as pandas data frames: `turns`, `programs`, `instances`, and `steps` if there are any."""
        import pandas as pd

        return {name: pd.DataFrame(_columns(array)) for name, array in self._arrays().items()}

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {"turns": self.turns, "programs": self.programs, "instances": self.instances}
        return arrays | ({"steps": self.steps} if len(self.steps) else {})


def versions() -> dict[str, str]:
    """Versions of what computes the records."""
    import numba

    return {
        "agentsim_env": _VERSION,
        "numba": numba.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def with_names(array: np.ndarray, names: Mapping[str, np.ndarray]) -> np.ndarray:
    """`array` with columns of text in front."""
    texts = [(name, column.dtype.str) for name, column in names.items()]
    dtype = np.dtype(texts + [(name, array.dtype[name]) for name in array.dtype.names or ()])
    rows = np.empty(len(array), dtype)
    for name in dtype.names or ():
        rows[name] = names[name] if name in names else array[name]
    return rows


def _columns(array: np.ndarray) -> dict[str, np.ndarray]:
    return {name: array[name] for name in array.dtype.names or ()}


def _turns(state: State, frontend_s: float) -> np.ndarray:
    turn, run = state.turn, state.turn_run
    rows = np.empty(len(turn), TURNS)
    for name in ("program", "prompt_tokens", "new_tokens", "output_tokens"):
        rows[name] = turn[name]
    for name in ("ready_s", "routed_s", "scheduled_s", "first_token_s", "end_s"):
        rows[name] = run[name]
    for name in ("hit_tokens", "readmission_hit_tokens", "readmission_lookup_tokens", "computed_tokens"):
        rows[name] = run[name]
    for name in ("preemptions", "instance"):
        rows[name] = run[name]
    rows["turn_index"] = np.arange(len(turn)) - state.program["first_turn"][turn["program"]]
    rows["queued_s"] = run["routed_s"]
    # A turn that an instance lost is routed again after it was scheduled: only its first wait is a queue's.
    rows["queueing_s"] = np.maximum(0.0, run["scheduled_s"] - (run["ready_s"] + frontend_s))
    once = np.minimum(run["computed_tokens"], turn["prompt_tokens"] - run["hit_tokens"])
    rows["recomputed_tokens"] = np.maximum(0, once - turn["new_tokens"]) + run["computed_tokens"] - once
    return rows


def _programs(state: State, programs: Programs, engines: Sequence["Engine"]) -> np.ndarray:
    program, run, world = state.program, state.program_run, state.world[0]
    rows = np.empty(len(program), PROGRAMS)
    rows["arrival_s"] = run["arrived_s"]
    rows["end_s"] = run["end_s"]
    rows["jct_s"] = np.where(run["state"] == DONE, run["end_s"] - run["arrived_s"], np.nan)
    rows["held_s"] = _held_s(run, float(world["now_s"]))
    still_s = np.where(run["paused"] == 1, world["now_s"] - run["paused_since_s"], 0.0)
    rows["paused_s"], rows["pauses"] = run["paused_s"] + still_s, run["pauses"]
    rows["gap_s"] = run["gap_s"]
    rows["ideal_s"] = ideal_s(programs, engines, float(world["frontend_s"]))
    rows["slowdown"] = rows["jct_s"] / rows["ideal_s"]
    rows["deadline_s"] = program["deadline_s"]
    rows["n_turns"] = program["n_turns"]
    rows["counted"] = np.arange(len(program)) >= world["warmup_programs"]
    names = {
        "state": np.array(list(STATES.values()))[run["state"]],
        "family": np.array(programs.families)[program["family"]],
        "tenant": np.array(programs.tenants)[program["tenant"]],
    }
    return with_names(rows, names)


def _held_s(run: np.ndarray, now_s: float) -> np.ndarray:
    """Time that programs waited for admission: until they were let in, turned away, or now."""
    ended_s = np.where(np.isnan(run["end_s"]), now_s, run["end_s"])
    held_s = np.where(np.isnan(run["admitted_s"]), ended_s, run["admitted_s"]) - run["arrived_s"]
    return np.where(np.isnan(held_s), 0.0, held_s)


def _steps(state: State) -> np.ndarray:
    society, run = state.society, state.step_run
    rows = np.empty(len(run), STEPS)
    rows["society"] = np.repeat(np.arange(len(society)), society["n_steps"])
    rows["step"] = np.arange(len(run)) - society["first_row"][rows["society"]]
    rows["calls"] = np.diff(state.step_row["first_turn"]) if len(run) else 0
    rows["begun_s"], rows["ended_s"] = run["begun_s"], run["ended_s"]
    lasted_s = run["ended_s"] - run["begun_s"]
    rows["stall_s"] = np.maximum(0.0, lasted_s - society["step_s"][rows["society"]])
    return rows


def _instances(state: State, engines: Sequence["Engine"], now_s: float) -> np.ndarray:
    instance = state.instance
    rows = np.empty(len(instance), INSTANCES)
    rows["tp"] = [engine.tp for engine in engines]
    rows["up_s"] = instance["up_s"] + np.where(instance["up"] == 1, now_s - instance["up_since_s"], 0.0)
    rows["busy_s"] = instance["busy_s"]
    rows["utilisation"] = instance["busy_s"] / np.maximum(rows["up_s"], np.finfo(float).tiny)
    rows["iterations"] = instance["iteration"] + instance["prefill_iterations"]
    for name in COUNTS:
        rows[name] = instance[name]
    rows["wasted_bytes"] = instance["wasted_bytes"]
    rows["adapter_load_bytes"] = instance["adapter_loads"] * instance["adapter_bytes"]
    rows["prefill_lane_s"] = instance["prefill_lane_s"]
    rows["decode_share"] = _decode_share(state)
    rows["capacity_blocks"] = state.pool["capacity"][: len(instance)]
    for name, token_s in zip(TOKEN_SECONDS, token_seconds(state, now_s), strict=True):
        rows[f"{name}_token_s"] = token_s
    rows["cost_usd"] = rows["up_s"] / 3600.0 * [engine.price_per_hour for engine in engines]
    names = {"gpu": np.array([e.gpu for e in engines]), "model": np.array([e.model for e in engines])}
    return with_names(rows, names)


def _decode_share(state: State) -> np.ndarray:
    """Mean share of the SMs of each decode lane while it worked; NaN where it has not, or an instance has no lanes."""
    shares = np.full(len(state.instance), np.nan)
    for i, (lanes, slot_s) in enumerate(zip(state.lanes, state.slot_s, strict=True)):
        if slot_s.sum() > 0.0:
            shares[i] = slot_s @ np.arange(len(slot_s)) / (slot_s.sum() * lanes["slots"])
    return shares
