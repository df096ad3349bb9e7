"""The event loop of the reference simulator (semantics, "Time and events")."""

from collections.abc import Callable, Sequence

from agentsim_env.workload.programs import Programs
from tests.reference import checks
from tests.reference.description import InstanceSpec, MemorySpec
from tests.reference.events import ADMISSION_TICK, BUDGET_TICK, PREFETCH_TICK, RETAIN_TICK, VIEW_TICK, Kind
from tests.reference.records import Records, collect
from tests.reference.rules import Rules
from tests.reference.world import World


def simulate(
    programs: Programs,
    specs: Sequence[InstanceSpec],
    rules: Rules | None = None,
    memory: MemorySpec | None = None,
    frontend_s: float = 0.0,
    view_delay_s: float = 0.0,
    eviction: str = "blocks",
    warmup_programs: int = 0,
    context_switch_s: float = 0.0,
    debug: bool = False,
) -> Records:
    """Simulate `programs` on a cluster to the end; `World` describes the arguments.

    Programs before number `warmup_programs` are not in the integrals; `debug` checks conservation after every event.
    """
    world = World(programs, specs, rules or Rules(), memory, frontend_s, view_delay_s, eviction, context_switch_s)
    Loop(world, debug).run()
    checks.check_time(world)
    return collect(world, warmup_programs)


class Loop:
    """Takes one event after the other, and has it happen."""

    def __init__(self, world: World, debug: bool = False) -> None:
        self.world = world
        self.debug = debug
        self.handlers: dict[Kind, Callable[[int], None]] = {
            Kind.INSTANCE_DOWN: self.instance_down,
            Kind.INSTANCE_UP: self.instance_up,
            Kind.PROGRAM_ARRIVAL: self.program_arrival,
            Kind.TOOL_END: self.tool_end,
            Kind.TOOL_RETRY: self.tool_retry,
            Kind.EDGE_DONE: self.edge_done,
            Kind.STEP_BEGIN: self.step_begin,
            Kind.TURN_READY: self.turn_ready,
            Kind.CONTROL_TICK: self.control_tick,
            Kind.TRANSFER_END: self.transfer_end,
            Kind.PIN_EXPIRY: self.pin_expiry,
            Kind.PREFILL_END: self.prefill_end,
            Kind.ITERATION_END: self.iteration_end,
            Kind.QUIET_BOUNDARY: self.quiet_boundary,
        }
        self.ticks: dict[int, Callable[[], None]] = {
            VIEW_TICK: world.router.refresh_view,
            ADMISSION_TICK: world.admission.tick,
            PREFETCH_TICK: world.prefetcher.tick,
            RETAIN_TICK: world.retention.tick,
            BUDGET_TICK: world.budgets.tick,
        }

    def run(self) -> None:
        """Handle events until all programs have ended and no iteration is in flight, or nothing is left to happen."""
        self.begin()
        world = self.world
        while world.events.heap and not self.over():
            world.now, kind, number = world.events.pop()
            for instance in world.instances:
                instance.charge()
            self.handlers[kind](number)
            world.admission.ask_again()
            world.prefetcher.bring_up()
            if self.debug:
                checks.check(world)
        self.end()

    def begin(self) -> None:
        """What is known beforehand: outages, and arrivals of programs that wait for no other."""
        world = self.world
        world.router.begin()
        for instance in world.instances:
            if instance.spec.start_s > 0:
                world.events.push(instance.spec.start_s, Kind.INSTANCE_UP, instance.number)
            for at_s, down_s in instance.spec.failures:
                world.events.push(at_s, Kind.INSTANCE_DOWN, instance.number)
                world.events.push(at_s + down_s, Kind.INSTANCE_UP, instance.number)
        for number, arrival_s in world.orchestrator.open_loop():
            world.events.push(arrival_s, Kind.PROGRAM_ARRIVAL, number)

    def over(self) -> bool:
        ended = all(program.ended for program in self.world.orchestrator.programs)
        return ended and not any(instance.computes for instance in self.world.instances)

    def end(self) -> None:
        """The calls that still wait have waited until now, and nobody will use what is idle now any more."""
        self.world.tools.stop(self.world.now)
        for instance in self.world.instances:
            instance.charge()
            instance.pool.waste_idle()

    # What happens at each kind of event; the number is that of an instance, program, edge, society, turn or link.

    def instance_down(self, number: int) -> None:
        """Everything there is lost; the turns that were there are routed again."""
        world = self.world
        world.events.cancel(Kind.ITERATION_END, number)
        for other in world.loads.instance_down(number):
            world.iterations.wake(other)
        world.copies.instance_down(number)
        world.iterations.set_works(number, False)
        homeless = world.handover.instance_down(number, world.instances[number].fail())
        world.iterations.look_at_woken()
        for turn in homeless:
            world.router.place(turn)

    def instance_up(self, number: int) -> None:
        self.world.instances[number].up = True
        self.world.router.place_parked()

    def program_arrival(self, number: int) -> None:
        self.world.admission.arrive(self.world.orchestrator.programs[number])

    def tool_end(self, edge: int) -> None:
        self.world.tools.end_attempt(edge, self.world.now)

    def tool_retry(self, edge: int) -> None:
        self.world.tools.ask(edge, self.world.now)

    def edge_done(self, edge: int) -> None:
        self.world.gateway.edge_done(edge)

    def step_begin(self, society: int) -> None:
        self.world.societies.begin(society)
        if self.world.prefetcher.asks:
            self.world.prefetcher.ask_for_acting()

    def turn_ready(self, number: int) -> None:
        turn = self.world.orchestrator.turns[number]
        self.world.gateway.turn_ready(turn)
        self.world.prefetcher.turn_ready(turn)

    def control_tick(self, number: int) -> None:
        self.ticks[number]()

    def transfer_end(self, number: int) -> None:
        """What was on the link has arrived, or gives way; who waits for it, or for what it has kept, looks again."""
        world = self.world
        link = world.topology.links[number]
        if link.stops_after is not None:
            for other in world.loads.give_way(link):
                world.iterations.wake(other)
            world.iterations.look_at_woken()
            return
        transfer = link.end(world.now)
        again = world.loads.arrived(transfer) if transfer.load is not None else world.copies.arrived(transfer)
        if transfer.load is not None and not link.queue:
            world.prefetcher.ask(transfer.load.instance)
        world.iterations.end_filled_runs()
        for other in again:
            world.iterations.wake(other)
        world.iterations.look_at_woken()

    def pin_expiry(self, turn: int) -> None:
        self.world.iterations.look_again_at(self.world.retention.expire(self.world.orchestrator.turns[turn]))

    def prefill_end(self, number: int) -> None:
        self.world.iterations.next_prefill(number)

    def iteration_end(self, number: int) -> None:
        """If the run goes on, whatever else happens at this time happens before its boundary."""
        world = self.world
        if world.events.any_at(world.now) and world.iterations.is_quiet_boundary(number):
            world.events.push(world.now, Kind.QUIET_BOUNDARY, number)
        else:
            world.iterations.next(number)

    def quiet_boundary(self, number: int) -> None:
        self.world.iterations.next(number)
