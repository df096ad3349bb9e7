"""The kinds of decision: one row each, from which all that lists them is derived."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

ADMIT, HOLD, REJECT = range(3)
"""Answers to `admit_program`."""

LEAVE, DROP, TO_DRAM, TO_CXL, PIN = range(5)
"""Answers to `retain_kv`; PIN + k: pin for entry k of the scenario's grid, and behind the grid, for rules only, for
`world.pin_s`."""

DROP_KV, DOWN_TO_DRAM, DOWN_TO_CXL = range(3)
"""Where `evict_kv` sends what it takes: the answer is TARGETS * candidate + target."""

TARGETS = 3


class Sizes(Protocol):
    """What the number of answers depends on: see `agentsim_env.engine.blueprint.Blueprint`."""

    @property
    def engines(self) -> Sequence[Any]:
        """One per instance."""
        ...

    @property
    def candidates(self) -> int:
        """Candidates of a decision at most."""
        ...

    @property
    def pin_grid_s(self) -> Sequence[float]:
        """Lengths of a pin."""
        ...

    @property
    def slots(self) -> int:
        """Slots of an instance with two lanes; 1 if there is none."""
        ...

    @property
    def budget_grid_tokens(self) -> Sequence[int]:
        """Budgets of its decode lane that an agent may choose from."""
        ...


class Kind(NamedTuple):
    """A kind of decision. What is written as `module:name` is imported where it is used, not here.

    Attributes:
        default: The rule where a scenario names none: what an engine does by itself.
        rules: The table of its rules.
        question: What an agent is shown of it.
        answers: How many answers it has, legal ones and others.
        about: What it is about. `turn`: one that is live; `ended_turn`: the next of `state.ended`.
        candidates: Of what array of the state the rows are that `state.candidate` lists; empty: it lists none.
        mask: Array of the state that says which answers are legal.
        environment: Id of the environment in which agents answer this kind alone, if there is one.
        control_ticks: It is asked again every `decisions.control_period_s`.
        shown_by: Counters of which one at least is above 0 when a rule that is not the default has done what it is for.
    """

    default: str
    rules: str
    question: str
    answers: Callable[[Sizes], int]
    about: Literal["program", "turn", "ended_turn", "instance"]
    candidates: Literal["", "slot", "turn", "resident"] = ""
    mask: Literal["option", "allowed"] = "option"
    environment: str = ""
    control_ticks: bool = False
    shown_by: tuple[str, ...] = ()


DECISIONS: dict[str, Kind] = {
    "admit_program": Kind(
        default="admit",
        rules="agentsim_env.engine.admission.rules:ADMIT_RULES",
        question="agentsim_env.envs.admission_features:ADMIT_PROGRAM",
        answers=lambda sizes: REJECT + 1,
        about="program",
        environment="AgentSim/Admission-v1",
        control_ticks=True,
        shown_by=("holds", "pauses", "programs_rejected"),
    ),
    "route_turn": Kind(
        default="least_loaded",
        rules="agentsim_env.engine.routing.rules:ROUTE_RULES",
        question="agentsim_env.envs.routing_features:ROUTE_TURN",
        answers=lambda sizes: len(sizes.engines),
        about="turn",
        mask="allowed",
        environment="AgentSim/Routing-v1",
        # A router always routes: only what it does besides can fail to happen.
    ),
    "schedule_turn": Kind(
        default="fcfs",
        rules="agentsim_env.engine.scheduling.rules:SCHEDULE_RULES",
        question="agentsim_env.envs.scheduling_features:SCHEDULE_TURN",
        answers=lambda sizes: sizes.candidates + 1,  # the last: hold all of them back
        about="instance",
        candidates="slot",
        environment="AgentSim/Scheduling-v1",
        shown_by=("reordered", "held_back"),
    ),
    "retain_kv": Kind(
        default="leave",
        rules="agentsim_env.engine.retention.rules:RETAIN_RULES",
        question="agentsim_env.envs.retention_features:RETAIN_KV",
        answers=lambda sizes: PIN + len(sizes.pin_grid_s),
        about="ended_turn",
        environment="AgentSim/Retention-v1",
        shown_by=("pins_made", "dropped_blocks", "demoted_blocks"),
    ),
    "evict_kv": Kind(
        default="lru",
        rules="agentsim_env.engine.eviction.rules:EVICT_RULES",
        question="agentsim_env.envs.eviction_features:EVICT_KV",
        answers=lambda sizes: TARGETS * sizes.candidates,
        about="instance",
        candidates="resident",
        environment="AgentSim/Eviction-v1",
        shown_by=("evicted_blocks",),
    ),
    "preempt_turn": Kind(
        default="last_admitted",
        rules="agentsim_env.engine.scheduling.preempt:PREEMPT_RULES",
        question="agentsim_env.envs.preemption_features:PREEMPT_TURN",
        answers=lambda sizes: sizes.candidates,
        about="instance",
        candidates="slot",
        shown_by=("preemptions",),
    ),
    "prefetch_kv": Kind(
        default="none",
        rules="agentsim_env.engine.loads.rules:PREFETCH_RULES",
        question="agentsim_env.envs.prefetch_features:PREFETCH_KV",
        answers=lambda sizes: sizes.candidates + 1,  # the last: none of them
        about="instance",
        candidates="turn",
        environment="AgentSim/Prefetch-v1",
        control_ticks=True,
        shown_by=("prefetches",),
    ),
    "set_prefill_budget": Kind(
        default="keep",
        rules="agentsim_env.engine.lanes.rules:BUDGET_RULES",
        question="agentsim_env.envs.prefill_budget_features:SET_PREFILL_BUDGET",
        # A slot for decodes that leaves one for prefills, and a budget.
        answers=lambda sizes: max(1, sizes.slots - 1) * len(sizes.budget_grid_tokens),
        about="instance",
        environment="AgentSim/PrefillBudget-v1",
        control_ticks=True,
        shown_by=("budget_changes",),
    ),
}
"""By name, in the order of their numbers."""

KINDS: tuple[str, ...] = tuple(DECISIONS)
"""Every decision kind, in the order of their numbers; an agent outside the engine can be asked to answer each."""

(
    ADMIT_PROGRAM,
    ROUTE_TURN,
    SCHEDULE_TURN,
    RETAIN_KV,
    EVICT_KV,
    PREEMPT_TURN,
    PREFETCH_KV,
    SET_PREFILL_BUDGET,
) = range(len(KINDS))

# What `advance` returns besides the number of a kind. PAUSED: nothing is asked, and it goes on when it is called again.
ENDED, TRUNCATED, STUCK, PAUSED = -1, -2, -3, -4
