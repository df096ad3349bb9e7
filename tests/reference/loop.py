"""The event loop of the reference simulator (semantics, "Time and events", "Routing", "Failures")."""

import math
from collections.abc import Mapping, Sequence
from functools import partial

from agentsim_env.workload.programs import Programs
from tests.reference import checks
from tests.reference.admission import Admission
from tests.reference.batching import Instance
from tests.reference.description import InstanceSpec, MemorySpec
from tests.reference.events import ADMISSION_TICK, PREFETCH_TICK, RETAIN_TICK, VIEW_TICK, Events, Kind
from tests.reference.eviction import EVICTIONS, Look
from tests.reference.history import History
from tests.reference.orchestrator import Orchestrator, Program
from tests.reference.prefetch import Prefetcher
from tests.reference.records import Records, collect
from tests.reference.residency import KVPool
from tests.reference.retention import Retention
from tests.reference.router import Route, Seen, View
from tests.reference.scheduling import Scheduler, service_s
from tests.reference.tiers import Tiers
from tests.reference.tools import Tools
from tests.reference.turn import Turn


class ReferenceSimulator:
    """One episode.

    Args:
        programs: The workload.
        specs: The cluster.
        route: Chooses an allowed instance for a turn.
        frontend_s: Time in the gateway, from ready to routed.
        debug: Check conservation after every event.
        schedule: Rule that orders the queues of the instances.
        preempt: Rule that names who leaves a batch.
        admit: Rule that lets programs in.
        admit_parameters: Its parameters.
        memory: Tiers below HBM.
        retain: Rule that decides about what turns leave.
        retain_parameters: Its parameters.
        evict: Rule that names what is evicted.
        whole_objects: Eviction takes whole segments.
        evict_parameters: Parameters of that rule.
        prefetch: Rule that brings contexts up ahead of their use.
        prefetch_parameters: Its parameters.
        view_delay_s: How often the router's view is refreshed; 0: it is always fresh.
    """

    def __init__(
        self,
        programs: Programs,
        specs: Sequence[InstanceSpec],
        route: Route,
        frontend_s: float = 0.0,
        debug: bool = False,
        schedule: str = "fcfs",
        preempt: str = "last_admitted",
        admit: str = "admit",
        admit_parameters: Mapping[str, float] | None = None,
        memory: MemorySpec | None = None,
        retain: str = "leave",
        retain_parameters: Mapping[str, float] | None = None,
        evict: str = "lru",
        whole_objects: bool = False,
        evict_parameters: Mapping[str, float] | None = None,
        prefetch: str = "none",
        prefetch_parameters: Mapping[str, float] | None = None,
        view_delay_s: float = 0.0,
    ) -> None:
        self.events = Events()
        self.orchestrator = Orchestrator(programs)
        self.history = History()
        self.tools = Tools(programs, self.events, self.orchestrator.waited)
        scheduler = Scheduler(self.orchestrator, schedule, preempt)
        self.instances = [Instance(spec, programs.block_size, scheduler) for spec in specs]
        self.admission = Admission(self.orchestrator, self.instances, admit, admit_parameters or {})
        retention = (self.history, frontend_s, retain, retain_parameters or {})
        self.retention = Retention(self.orchestrator, self.instances, self.events, *retention)
        for instance in self.instances:
            instance.firm_pins = self.retention.parameters.get("firm", 0.0) != 0.0
        self.evict_parameters = evict_parameters or {}
        for number, instance in enumerate(self.instances):
            instance.pool.choose = partial(self.victim, evict, number)
            instance.pool.whole_objects = whole_objects
            writes_back = memory is not None and memory.writes_back
            instance.pool.timed_eviction = evict != "lru" or whole_objects or writes_back
        self.ask_held = False
        self.tick_armed = False
        self.tiers = Tiers(memory, programs, self.instances, self.events) if memory is not None else None
        self.retention.tiers = self.tiers
        if self.tiers is not None:
            for number, instance in enumerate(self.instances):
                instance.load = partial(self.tiers.load, number)
                instance.pool.evicting = partial(self.evicting, number)
        self.prefetcher: Prefetcher | None = None
        self.prefetch_armed = False
        if self.tiers is not None and self.tiers.spec.tiers and prefetch != "none":
            parts = self.orchestrator, self.instances, self.tiers, self.history
            self.prefetcher = self.tiers.prefetcher = Prefetcher(
                *parts, prefetch, prefetch_parameters or {}, frontend_s
            )
            for number, instance in enumerate(self.instances):
                instance.admitted = partial(self.prefetcher.admitted, number)
        self.route = route
        self.view_delay_s = view_delay_s
        self.seen = [Seen.of(instance) for instance in self.instances]
        if view_delay_s > 0:
            self.events.push(0.0, Kind.CONTROL_TICK, VIEW_TICK)
        self.frontend_s = frontend_s
        self.debug = debug
        self.parked: list[Turn] = []
        self.gateway: list[Turn] = []
        self.now = 0.0
        self.decisions = 0
        self.last_routed = -1
        self.last_handed = -1
        self.woken: list[int] = []
        for instance in self.instances:
            instance.let_go = self.let_go_from
        if self.tiers is not None:
            self.tiers.let_go = self.let_go
        self.handlers = {
            Kind.INSTANCE_DOWN: self.instance_down,
            Kind.INSTANCE_UP: self.instance_up,
            Kind.PROGRAM_ARRIVAL: self.program_arrival,
            Kind.TOOL_END: lambda edge: self.tools.end_attempt(edge, self.now),
            Kind.TOOL_RETRY: lambda edge: self.tools.ask(edge, self.now),
            Kind.EDGE_DONE: self.edge_done,
            Kind.TURN_READY: lambda turn: self.note_ready(self.orchestrator.turns[turn]),
            Kind.CONTROL_TICK: self.control_tick,
            Kind.TRANSFER_END: self.transfer_end,
            Kind.PIN_EXPIRY: self.pin_expiry,
            Kind.ITERATION_END: self.iteration_end,
            Kind.QUIET_BOUNDARY: self.next_iteration,
        }
        for number, spec in enumerate(specs):
            if spec.start_s > 0:
                self.events.push(spec.start_s, Kind.INSTANCE_UP, number)
            for at_s, down_s in spec.failures:
                self.events.push(at_s, Kind.INSTANCE_DOWN, number)
                self.events.push(at_s + down_s, Kind.INSTANCE_UP, number)
        for number, arrival_s in self.orchestrator.open_loop():
            self.events.push(arrival_s, Kind.PROGRAM_ARRIVAL, number)

    def run(self) -> None:
        """Handle events until all programs have ended and no iteration is in flight, or nothing is left to happen."""
        while self.events.heap and not self.over():
            self.now, kind, number = self.events.pop()
            for instance in self.instances:
                instance.charge(self.now)
            for instance in self.instances:
                instance.pool.now = self.now
            self.handlers[kind](number)
            self.ask_again()
            self.prefetch()
            if self.debug:
                checks.check(self.orchestrator, self.instances, self.parked + self.gateway)
                if self.tiers is not None:
                    self.tiers.check()
                if self.prefetcher is not None:
                    # Whoever acts has called a tool, so that ticks for it do not go on for ever.
                    assert not self.prefetcher.acting or self.events.more_to_come()

    def over(self) -> bool:
        ended = all(program.ended for program in self.orchestrator.programs)
        return ended and all(instance.step is None for instance in self.instances)

    def victim(self, evict: str, number: int, pool: KVPool) -> int:
        """The segment that goes from the pool of an instance, or from a copy of it."""
        instance = self.instances[number]
        look = Look(pool, number, instance, self.orchestrator, self.now, self.evict_parameters)
        return EVICTIONS[evict](look)

    # Programs.

    def program_arrival(self, number: int) -> None:
        program = self.orchestrator.programs[number]
        program.arrival_s = self.now
        program.state = "held"
        answer = self.admission.ask(program, self.now)
        if answer == "hold":
            program.held_s = (self.now, math.nan)
            self.admission.held.append(program)
            self.arm_tick()
        else:
            self.carry_out(program, answer)

    def carry_out(self, program: Program, answer: str) -> None:
        """Let a program in, or turn it away."""
        if program.held_s is not None:
            program.held_s = (program.held_s[0], self.now)
        if answer == "reject":
            self.end(program, "rejected")
            return
        program.acting_since_s = self.now
        for turn in self.orchestrator.admit(program):
            self.get_ready(turn)
        self.arm_tick()

    def ask_again(self) -> None:
        """If something has changed: ask for those held, in order, until one is held again."""
        held = self.admission.held
        while self.ask_held and held:
            answer = self.admission.ask(held[0], self.now)
            if answer == "hold":
                break
            self.carry_out(held.pop(0), answer)
        self.ask_held = False

    def arm_tick(self) -> None:
        wanted = self.admission.held or (self.admission.ticks and self.admission.inside)
        if wanted and not self.tick_armed:
            self.tick_armed = True
            self.events.push(self.now + self.admission.period_s, Kind.CONTROL_TICK, ADMISSION_TICK)

    def prefetch(self) -> None:
        """Bring up what the rule wants, for each instance for which something has changed."""
        ahead = self.prefetcher
        while ahead is not None and ahead.to_ask:
            number = ahead.to_ask[0]
            instance = self.instances[number]
            while instance.up and (turn := ahead.choose(number, self.now)) is not None:
                match, end = ahead.plan(number, turn)
                ahead.tiers.ahead(number, turn, match, end, self.now)
                self.end_run(number)
            ahead.to_ask.pop(0)
            if instance.up and ahead.tiers.spec.serialized:
                self.look_again_at([number])

    def arm_prefetch(self) -> None:
        ahead = self.prefetcher
        if ahead is not None and ahead.acting and not self.prefetch_armed:
            self.prefetch_armed = True
            self.events.push(self.now + ahead.parameters.get("period_s", 1.0), Kind.CONTROL_TICK, PREFETCH_TICK)

    def control_tick(self, number: int) -> None:
        if number == VIEW_TICK:
            self.seen = [Seen.of(instance) for instance in self.instances]
            if self.events.more_to_come():
                self.events.push(self.now + self.view_delay_s, Kind.CONTROL_TICK, VIEW_TICK)
            return
        if number == PREFETCH_TICK and self.prefetcher is not None:
            self.prefetch_armed = False
            self.prefetcher.ask_for_acting()
            self.arm_prefetch()
            return
        if number == RETAIN_TICK:
            lost, moved = self.retention.ask_again(self.now)
            for instance in moved:
                self.end_run(instance)
            self.look_again_at(lost)
            return
        self.tick_armed = False
        self.admission.tick()
        if self.admission.rule in ("thunder_agent", "mori"):
            for program in self.admission.take_stock(self.now):
                self.release(program)
        self.ask_held = True
        if self.events.any():
            self.arm_tick()

    def edge_done(self, edge: int) -> None:
        gap_s = self.now - self.orchestrator.source(edge).end_s
        self.history.note(int(self.orchestrator.workload.edge["tool"][edge]), gap_s)
        turn = self.orchestrator.join(edge)
        if turn is not None and self.program(turn).state != "failed":
            self.get_ready(turn)

    def get_ready(self, turn: Turn) -> None:
        """All that the turn has waited for is there: it enters the gateway."""
        turn.ready_s = self.now
        turn.arriving = True
        self.events.push(self.now + self.frontend_s, Kind.TURN_READY, turn.id)

    def note_ready(self, turn: Turn) -> None:
        self.turn_ready(turn)
        if self.prefetcher is not None:
            self.prefetcher.turn_ready(turn)

    def turn_ready(self, turn: Turn) -> None:
        """The turn has passed the gateway."""
        program = self.program(turn)
        if program.state == "failed":
            return
        was_live = bool(program.live)
        turn.arriving = False
        if not was_live and any(not math.isnan(other.end_s) for other in program.turns.values()):
            program.acting_s = 0.8 * program.acting_s + turn.ready_s - program.acting_since_s
        if program.paused and any(self.possible(turn)):
            self.gateway.append(turn)
        else:
            self.place(turn)

    def release(self, program: Program) -> None:
        """A program is paused no longer: its turns that are held at the gateway are routed."""
        released = [turn for turn in self.gateway if turn.program == program.id]
        self.gateway = [turn for turn in self.gateway if turn.program != program.id]
        for turn in released:
            self.place(turn)

    def turn_ended(self, turn: Turn) -> None:
        turn.end_s = self.now
        program = self.program(turn)
        program.service_s += service_s(turn)
        program.reasoning_s = 0.8 * program.reasoning_s + service_s(turn)
        if not program.live:
            program.acting_since_s = self.now
        program.wait_s += turn.scheduled_s - turn.ready_s
        self.history.waits_s.append(turn.scheduled_s - turn.ready_s)
        if program.state == "failed":
            return
        for edge in self.orchestrator.edges(turn):
            self.tools.start(edge, self.now)
        if self.orchestrator.finished(program):
            self.end(program, "done")

    def end(self, program: Program, state: str) -> None:
        self.ask_held |= program.state == "active"
        if state == "done":
            self.history.lengths.append(len(program.turns))
        program.state = state
        program.end_s = self.now
        program.paused = False
        if state == "failed":
            self.look_again_at(self.retention.failed(program.id))
        self.release(program)
        for number, delay_s in self.orchestrator.followers(program):
            self.events.push(self.now + delay_s, Kind.PROGRAM_ARRIVAL, number)

    def program(self, turn: Turn) -> Program:
        return self.orchestrator.programs[turn.program]

    # Routing.

    def place(self, turn: Turn) -> None:
        """Route a turn, park it while no instance that could hold it is up, or fail its program.

        A turn that has come this far goes on even if its program fails.
        """
        program = self.program(turn)
        possible = self.possible(turn)
        allowed = [can and instance.up for can, instance in zip(possible, self.instances, strict=True)]
        if not any(possible):
            self.end(program, "failed")
        elif not any(allowed):
            self.parked.append(turn)
        else:
            last = self.last_handed if turn.handed else self.last_routed
            seen = self.seen if self.view_delay_s > 0 else [Seen.of(instance) for instance in self.instances]
            view = View(seen, allowed, program.home, self.decisions, last)
            # A decision with a single legal answer is not asked.
            chosen = self.route(view, turn) if len(view.candidates) > 1 else view.candidates[0]
            assert allowed[chosen]
            self.decisions += 1
            if turn.handed:
                self.last_handed = chosen
            else:
                self.last_routed = chosen
                program.home = chosen
            turn.instance, turn.routed_s = chosen, self.now
            self.look_again_at(self.retention.moved(turn))
            self.join_queue(turn, chosen)

    def possible(self, turn: Turn) -> list[bool]:
        """Which instances could take the turn if they were up: to decode it, or to prefill it and perhaps to decode."""
        holds = [instance.can_ever_hold(turn) for instance in self.instances]
        modes = [instance.spec.mode for instance in self.instances]
        decodes = [hold and mode == "decode" for hold, mode in zip(holds, modes, strict=True)]
        if turn.handed:
            return decodes
        # What is prefilled on an instance that does only this has to find a place elsewhere.
        return [
            hold and mode != "decode" and (mode != "prefill" or any(decodes))
            for hold, mode in zip(holds, modes, strict=True)
        ]

    # Turns between a prefill instance and a decode instance.

    def let_go_from(self, instance: Instance, turn: Turn) -> None:
        """The same, for an instance that takes the turn over, or a copy of it on which that is tried."""
        if any(instance is real for real in self.instances):
            self.let_go(turn)

    def let_go(self, turn: Turn) -> None:
        """What a prefill instance has kept for the turn has been moved, or is not wanted any more."""
        if turn.kept:
            self.instances[turn.kept_at].pool.release(turn.kept)
            self.wake(turn.kept_at)

    def wake(self, number: int) -> None:
        """Something has changed in the memory of an instance: if somebody waits there, it is to look at its queue."""
        if self.instances[number].waiting:
            self.woken.append(number)

    def look_at_woken(self) -> None:
        woken, self.woken = list(dict.fromkeys(self.woken)), []
        for number in woken:
            self.look_again(number)

    def lose_kept(self, number: int) -> list[Turn]:
        """An instance fails: the turns for which it kept something, which start again; those that wait leave."""
        lost = [turn for turn in self.orchestrator.turns if turn.kept and turn.kept_at == number]
        for turn in lost:
            turn.kept, turn.handed = [], False
            if turn not in self.parked:
                if self.tiers is not None:
                    self.tiers.cancel(turn)
                self.instances[turn.instance].waiting.remove(turn)
                self.wake(turn.instance)
        return lost

    def join_queue(self, turn: Turn, number: int) -> None:
        self.instances[number].waiting.append(turn)
        self.look_again(number)
        if self.prefetcher is not None:
            self.prefetcher.ask(number)

    def look_again(self, number: int) -> None:
        """The queue of an instance is to be considered: at once if it is idle, else after the iteration in flight."""
        instance = self.instances[number]
        if instance.step is None:
            self.begin_iteration(number)
        elif len(instance.running) < instance.spec.max_num_seqs and not instance.step.is_full:
            self.end_run(number)

    def end_run(self, number: int) -> None:
        """The run of an instance, if it is in one, ends with the iteration in flight."""
        instance = self.instances[number]
        if instance.step is not None:
            instance.cut = True
            if self.events.cancel(Kind.QUIET_BOUNDARY, number):
                self.events.push(self.now, Kind.ITERATION_END, number)

    def look_again_at(self, numbers: list[int]) -> None:
        """Something has changed in the memory of these instances: those whose queues are not empty look again."""
        for number in numbers:
            if self.instances[number].waiting:
                self.look_again(number)

    def pin_expiry(self, number: int) -> None:
        lost = self.retention.expire(self.orchestrator.turns[number])
        self.look_again_at([] if lost is None else [lost])

    # Instances.

    def begin_iteration(self, number: int) -> None:
        end_s = self.instances[number].begin_iteration(self.now)
        if end_s is not None:
            self.events.push(end_s, Kind.ITERATION_END, number)
        if self.tiers is not None:
            for other in sorted(self.tiers.touched):
                self.end_run(other)
            self.tiers.touched.clear()
        self.look_at_woken()

    def iteration_end(self, number: int) -> None:
        """An iteration ends; if its run goes on, whatever else happens at this time happens before its boundary."""
        if self.events.any_at(self.now) and self.is_quiet_boundary(self.instances[number]):
            self.events.push(self.now, Kind.QUIET_BOUNDARY, number)
        else:
            self.next_iteration(number)

    def is_quiet_boundary(self, instance: Instance) -> bool:
        """Whether the run goes on, tried on a copy."""
        trial = instance.copy()
        if trial.finish(self.now):
            return False
        step = trial.form(self.now)
        return step is not None and trial.continues_run(step, trial.time_of(step))

    def next_iteration(self, number: int) -> None:
        left = self.instances[number].finish(self.now, partial(self.store, number))
        ended = [turn for turn in left if not turn.handed]
        lost: list[int] = []
        for turn in ended:
            self.turn_ended(turn)
            lost += self.retention.moved(turn)
            if self.prefetcher is not None:
                self.prefetcher.turn_ended(turn)
                self.arm_prefetch()
        for turn in ended:
            self.retention.ended(number, turn, self.now)
        self.ask_again()
        self.look_again_at(lost)
        self.begin_iteration(number)
        for turn in left:
            if turn.handed:
                self.place(turn)

    def store(self, number: int, turn: Turn) -> None:
        """What a turn leaves is copied down, if that is the policy."""
        if self.tiers is not None and self.tiers.spec.policy == "write_through":
            whole = (turn.prompt + turn.output - 1) // self.instances[number].block_size
            self.tiers.store(number, turn.path, whole, self.now)

    def instance_down(self, number: int) -> None:
        self.events.cancel(Kind.ITERATION_END, number)
        for other in self.tiers.fail(number) if self.tiers is not None else []:
            self.wake(other)
        homeless = self.instances[number].fail(self.now)
        for turn in homeless:
            turn.handed = False
            self.let_go(turn)
        lost = self.lose_kept(number)
        homeless += [turn for turn in lost if turn not in self.parked]
        if any(turn in self.parked for turn in lost):
            # They can go elsewhere now.
            homeless += self.parked
            self.parked = []
        self.look_at_woken()
        for turn in homeless:
            self.place(turn)

    def evicting(self, number: int, segment: int, begin: int, end: int) -> None:
        assert self.tiers is not None
        self.tiers.evicted(number, segment, begin, end, self.now)

    def transfer_end(self, link: int) -> None:
        assert self.tiers is not None
        load = self.tiers.links[link].queue[0].load
        again = self.tiers.end(link, self.now)
        if self.prefetcher is not None and load is not None and not self.tiers.links[link].queue:
            self.prefetcher.ask(load.instance)
        for number in self.tiers.filled:
            self.end_run(number)
        self.tiers.filled.clear()
        for number in again:
            self.wake(number)
        self.look_at_woken()

    def instance_up(self, number: int) -> None:
        self.instances[number].up = True
        parked, self.parked = self.parked, []
        for turn in parked:
            self.place(turn)


def simulate(
    programs: Programs,
    specs: Sequence[InstanceSpec],
    route: Route,
    frontend_s: float = 0.0,
    warmup: int = 0,
    debug: bool = False,
    schedule: str = "fcfs",
    preempt: str = "last_admitted",
    admit: str = "admit",
    admit_parameters: Mapping[str, float] | None = None,
    memory: MemorySpec | None = None,
    retain: str = "leave",
    retain_parameters: Mapping[str, float] | None = None,
    evict: str = "lru",
    whole_objects: bool = False,
    evict_parameters: Mapping[str, float] | None = None,
    prefetch: str = "none",
    prefetch_parameters: Mapping[str, float] | None = None,
    view_delay_s: float = 0.0,
) -> Records:
    """Simulate `programs` on a cluster to the end; see `ReferenceSimulator` and `collect`."""
    rules = (schedule, preempt, admit, admit_parameters)
    kv = (memory, retain, retain_parameters, evict, whole_objects, evict_parameters, prefetch, prefetch_parameters)
    simulator = ReferenceSimulator(programs, specs, route, frontend_s, debug, *rules, *kv, view_delay_s)
    simulator.run()
    simulator.tools.stop(simulator.now)
    for instance in simulator.instances:
        instance.charge(simulator.now)
        instance.pool.waste_idle()
        checks.check_time(instance)
    return collect(simulator.orchestrator, simulator.instances, warmup, simulator.decisions, simulator.now)
