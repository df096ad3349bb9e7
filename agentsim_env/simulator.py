"""The Python face of the simulator: a scenario, a seed, decisions, records."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from agentsim_env.actions import ActionError, whole_number
from agentsim_env.assembly import DrawnSource, SimulationError, Source, Variant, Variants
from agentsim_env.assembly.recorded import Recorded, described
from agentsim_env.assembly.stuck import check_goes_on
from agentsim_env.assembly.unserved import limit
from agentsim_env.engine.core.decisions import DECISIONS, ENDED, KINDS, PAUSED, TRUNCATED, Kind
from agentsim_env.engine.core.state import NONE, State
from agentsim_env.engine.entry import Core
from agentsim_env.engine.longest_context import longest_context_tokens
from agentsim_env.errors import shown
from agentsim_env.hardware import Engine
from agentsim_env.load import prepare
from agentsim_env.metrics import Records, summarise
from agentsim_env.scenario import Scenario, ScenarioError, load_scenario
from agentsim_env.scenario.bundle import bundle_of
from agentsim_env.workload import Faults, Programs, checked_copy
from agentsim_env.workload.streams import checked_seed


class Decision(NamedTuple):
    """A point where the simulation asks.

    Attributes:
        kind: Kind of decision.
        time_s: Simulated time.
        program: Index of the program that it is about, -1 if it is about none.
        turn: Index of the turn that it is about, likewise.
        mask: Which answers are legal, `bool [answers]`. For `admit_program` admit, hold and reject; for `route_turn`
            one per instance; for `schedule_turn` one per place among the candidates (`decisions.candidates` of the
            scenario), and one to hold all of them back; for `retain_kv` leave, drop, move to DRAM, move to CXL, and a
            pin for each time of `decisions.pin_grid_s`; for `evict_kv` drop, move to DRAM and move to CXL for each
            place; for `preempt_turn` one per place; for `prefetch_kv` one per place and one for none; for
            `set_prefill_budget` each budget of the grid for each slot of decodes.
        default: What the scenario's rule would answer.
        instance: Index of the instance that it is about, likewise.
        candidates: Turns to choose from, by index, at most as many as there are places; for `evict_kv` segments; empty
            for other kinds.
    """

    kind: str
    time_s: float
    program: int
    turn: int
    mask: np.ndarray
    default: int
    instance: int
    candidates: np.ndarray


class Snapshot(NamedTuple):
    """An episode at a moment; see `Simulator.snapshot`."""

    scenario: Scenario
    agent_kinds: tuple[str, ...]
    state: State
    programs: Programs
    seed: int
    asked: int
    decision: Decision | None
    faults: Faults | None


NOT_BEGUN = -10
"""No event of the episode has happened."""


class Simulator:
    """A simulation of a scenario.

    Example:
        >>> simulator = Simulator("coding_agents", rules={"route_turn": "session_affinity"})
        >>> simulator.reset(seed=0)
        >>> simulator.run()
        >>> simulator.summary()["mean_jct_s"] > 0
        True

    Args:
        scenario: A scenario, or the name or path of one.
        bundle: Bundle whose rules replace all of the scenario's; see `agentsim_env.scenario.bundles`.
        rules: Rules that replace the scenario's or the bundle's, by kind of decision.
        token_seconds: Add up what KV blocks are held for: figures and columns in `_token_s`. It takes a sixth of the
            compiled loop's speed.
        agent_kinds: Kinds of decision that are answered from outside, through `next_decision` and `apply`.
        source: Where workloads come from, instead of the scenario's own (see `agentsim_env.load.prepare`).

    Attributes:
        scenario: The scenario, with what it draws.
        engines: The engines of the cluster in this episode; before the first one, of the largest that may be drawn.
        blueprint: What of its simulation does not depend on the workload, likewise.
        widest: That of the cluster with the most instances that may be drawn.
        asked: Number of the kind of the pending decision; below 0 if none is: `NOT_BEGUN`, or how the episode ended.
    """

    def __init__(
        self,
        scenario: Scenario | str | None = None,
        *,
        bundle: str | None = None,
        rules: Mapping[str, str] | None = None,
        agent_kinds: Collection[str] = (),
        token_seconds: bool = False,
        source: Source | None = None,
    ) -> None:
        self.scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        # Load is a fraction of the capacity under the scenario's own rules: other rules face the same arrivals.
        self.source = prepare(self.scenario) if source is None else source
        if bundle is not None:
            self.scenario = load_scenario(self.scenario, {"rules.bundle": bundle})
        if rules:
            self.scenario = _with_rules(self.scenario, rules)
        if isinstance(agent_kinds, str):
            raise ScenarioError(f"agent_kinds: {agent_kinds!r} is a text: give a list, as in [{agent_kinds!r}]")
        for kind in agent_kinds:
            if kind not in KINDS:
                raise ScenarioError(f"agent_kinds: {kind!r} is not open to agents; open are: {', '.join(KINDS)}")
        drawing = self.source.drawing if isinstance(self.source, DrawnSource) else None
        if drawing is not None and drawing.scenario is not self.scenario:
            drawing = None
        self._variants = Variants(self.scenario, tuple(agent_kinds), token_seconds, drawing)
        self.widest = self._variants.widest.blueprint
        self._enter(self._variants.widest)
        self._settle: Callable[[State], State] | None = None
        self.seed = 0
        self._core: Core | None = None
        self.asked = NOT_BEGUN
        self._decided: Decision | None = None

    def reset(self, seed: int = 0, programs: Programs | None = None) -> None:
        """Begin an episode.

        Args:
            seed: Of the workload, the faults and the chance inside rules: a whole number from 0 to 2^63 - 1.
            programs: A workload to run instead of the drawn one; changing it later does not change the episode.

        Raises:
            SeedError: The seed is not such a number.
            InvalidProgramsError: A workload, drawn or given, breaks a promise of `Programs`; the episode before stays.
            ScenarioError: Ticks are too frequent for the times of the workload; or the scenario is strict, and a
                program fits on no instance.
        """
        seed = checked_seed(seed)
        variant = self._variants.of(seed)
        programs = self.source.draw(seed) if programs is None else checked_copy(programs)
        self._core = variant.assembly.begin(programs, seed, self._settle)
        self._enter(variant)
        self.seed, self.programs = seed, programs
        self.asked, self._decided = NOT_BEGUN, None

    def _enter(self, variant: Variant) -> None:
        self._variant = variant
        self.engines: Sequence[Engine] = variant.engines
        self.blueprint = variant.blueprint

    @property
    def drawn(self) -> dict[str, Any]:
        """What the scenario's `randomize` has drawn for this episode, by place; empty if it draws nothing."""
        return dict(self._variant.drawn)

    @property
    def core(self) -> Core:
        """The compiled simulation of the current episode."""
        if self._core is None:
            raise SimulationError("reset() has not been called")
        return self._core

    @property
    def state(self) -> State:
        """All arrays of the simulation; see `agentsim_env.engine.core.state`."""
        return self.core.state

    @property
    def now(self) -> float:
        """Simulated time in seconds."""
        return float(self.state.world["now_s"][0])

    @property
    def ended(self) -> bool:
        """All programs have ended, or the time limit is reached."""
        return self.asked in (ENDED, TRUNCATED)

    def run(self, between: Callable[[], None] | None = None) -> None:
        """Run to the end; decisions that are open to an agent are answered by the scenario's rules.

        Args:
            between: Called some twenty times a second, as to show how far the episode is or to end it at a limit of
                wall time: what it raises ends the run, which goes on from there if it is called again. So does one
                that is interrupted.

        Raises:
            SimulationError: If programs wait for something that will never come, or time comes to its end.
        """
        if self.asked in (NOT_BEGUN, PAUSED):
            self._advance(0, between)
        while self.asked >= 0:
            self._advance(self.core.default(), between)

    def next_decision(self, between: Callable[[], None] | None = None) -> Decision | None:
        """Advance to the next decision that an agent is to answer; None at the end of the episode.

        Args:
            between: See `run`.

        Raises:
            SimulationError: If programs wait for something that will never come, or time comes to its end.
        """
        if self.asked in (NOT_BEGUN, PAUSED):
            self._advance(0, between)
        if self._decided is None and self.asked >= 0:
            self._decided = self._decision()
        return self._decided

    def apply(self, action: int) -> None:
        """Answer the pending decision.

        Raises:
            SimulationError: If no decision is pending.
            ActionError: If the answer is not a whole number, or not legal.
        """
        if self.asked < 0:
            raise SimulationError("no decision is pending: call next_decision() first")
        allowed = self._mask()
        chosen = whole_number(action)
        if chosen is None or not 0 <= chosen < len(allowed) or not allowed[chosen]:
            given = shown(action if chosen is None else chosen)
            legal = ", ".join(str(i) for i in np.flatnonzero(allowed))
            raise ActionError(f"{KINDS[self.asked]} = {given} is not legal now; legal are: {legal}")
        self._advance(chosen)

    def _advance(self, action: int, between: Callable[[], None] | None = None) -> None:
        core = self.core
        self.asked, self._decided = PAUSED, None  # so it stays if something is raised in between
        self.note(core.advance(action, between))

    def note(self, asked: int) -> None:
        """Note what `core.advance` has returned to an environment that drives it.

        Raises:
            SimulationError: If the episode got stuck, or came to the end of time.
        """
        self.asked, self._decided = asked, None
        check_goes_on(asked, self.state, self.scenario.episode.time_limit_s is not None)

    @property
    def _kind(self) -> Kind:
        """The kind of the pending decision."""
        return DECISIONS[KINDS[self.asked]]

    def _mask(self) -> np.ndarray:
        """Legal answers to the pending decision."""
        legal = getattr(self.state, self._kind.mask)
        return np.array(legal[: self._kind.answers(self.blueprint)], bool)

    def _decision(self) -> Decision:
        world, state = self.state.world[0], self.state
        slot = int(world["asked_slot"])
        turn = NONE if slot == NONE else int(state.slot["turn"][slot])
        if self._kind.about == "ended_turn":
            turn = int(state.ended[world["next_ended"]])
        return Decision(
            kind=KINDS[self.asked],
            time_s=float(world["now_s"]),
            program=int(world["asked_program"] if slot == NONE else state.slot["program"][slot]),
            turn=turn,
            mask=self._mask(),
            default=self.core.default(),
            instance=int(world["asked_instance"]),
            candidates=self._candidates(),
        )

    def _candidates(self) -> np.ndarray:
        """Turns or segments that the pending decision is about to choose from."""
        state = self.state
        rows = state.candidate[: state.world["n_candidates"][0]]
        if self._kind.candidates == "slot":
            return state.slot["turn"][rows]
        if self._kind.candidates == "resident":
            return state.resident["segment"][rows]
        return rows.copy()

    @property
    def truncated(self) -> bool:
        """The time limit ended the episode."""
        return self.asked == TRUNCATED

    def snapshot(self) -> "Snapshot":
        """A copy of the episode as it is now, to come back to with `restore`, any number of times."""
        state, kinds = self.core.snapshot(), tuple(self.blueprint.agent_kinds)
        faults = self.core.faults
        return Snapshot(self.scenario, kinds, state, self.programs, self.seed, self.asked, self._decided, faults)

    def restore(self, snapshot: "Snapshot") -> None:
        """Go back to a snapshot that this simulator took, or another one of the same scenario and `agent_kinds`.

        Raises:
            SimulationError: It is of another scenario, or other kinds of decision are open in it.
        """
        if not isinstance(snapshot, Snapshot):
            raise SimulationError(f"a {type(snapshot).__name__} is no snapshot: restore takes what snapshot() returned")
        if set(snapshot.agent_kinds) != set(self.blueprint.agent_kinds) or snapshot.scenario != self.scenario:
            theirs, ours = (
                ", ".join(kinds) or "nothing" for kinds in (snapshot.agent_kinds, self.blueprint.agent_kinds)
            )
            raise SimulationError(
                f"the snapshot is of scenario {snapshot.scenario.name} with {theirs} open to an agent; here it is"
                f" {self.scenario.name} with {ours}, and both must be equal"
            )
        self._enter(self._variants.of(snapshot.seed))
        self._core = Core(Core(snapshot.state).snapshot(), snapshot.faults)
        self.programs, self.seed = snapshot.programs, snapshot.seed
        self.asked, self._decided = snapshot.asked, snapshot.decision

    def records(self) -> Records:
        """What happened, per turn, program and instance."""
        self.core.synchronise()
        return Records.from_state(self.state, self.programs, self.engines, self.metadata())

    def summary(self) -> dict[str, float]:
        """Figures of the episode; see docs/metrics.md."""
        return summarise(self.records(), self.scenario.slo)

    def metadata(self) -> dict[str, Any]:
        """What identifies this run."""
        source = self.source.of(self.seed)
        work = source.work
        trace = {"trace": described(self.scenario.workload, work.report)} if isinstance(work, Recorded) else {}
        load = source.load.describe() if source.load is not None else ""
        return (trace | {"load": load} if load else trace) | {
            "scenario": self.scenario.name,
            "scenario_hash": self.scenario.content_hash(),
            "seed": self.seed,
            **({"drawn": self.drawn} if self.drawn else {}),
            "rules": self.scenario.rules.by_kind(),
            **({"policies": self.scenario.rules.policies} if self.scenario.rules.policies else {}),
            "bundle": bundle_of(self.scenario.rules),
            "agent_kinds": list(self.blueprint.agent_kinds),
            "warmup_programs": self.scenario.episode.warmup_programs,
            "slo": self.scenario.slo.model_dump(exclude_none=True),
            "reward": self.scenario.reward.model_dump(include={"count_gaps", "reject_penalty_s"}),
            "estimated": any(engine.estimated for engine in self.engines),
            "longest_context_tokens": longest_context_tokens(self.engines, self.blueprint.block_size),
            "longest_context": limit(self._variant.assembly.scenario, self.engines),
        }


def _with_rules(scenario: Scenario, rules: Mapping[str, str]) -> Scenario:
    """The scenario with other rules; parameters of a replaced rule do not apply to its successor."""
    kept = {kind: values for kind, values in scenario.rules.rule_params.items() if kind not in rules}
    same = {
        kind: values
        for kind, values in scenario.rules.rule_params.items()
        if kind in rules and getattr(scenario.rules, kind) == rules[kind]
    }
    policies = {kind: path for kind, path in scenario.rules.policies.items() if kind not in rules}
    changed = scenario.rules.by_kind() | dict(rules) | {"rule_params": kept | same, "policies": policies}
    # Laid over the scenario, a mapping of parameters would be merged with the old one.
    return load_scenario(scenario.model_dump(mode="json", exclude_unset=True) | {"rules": changed})
