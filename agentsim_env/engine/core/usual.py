"""The components that every scenario calls, in the order in which the default scenario does.

They are compiled ahead at a first start. One that is missing here is compiled when it is called, like all others, and
one too many costs a second of a core that would be idle; `python -m benchmarks.cold_start --usual` prints them.
"""

USUAL: tuple[str, ...] = (
    "agentsim_env.engine.loop.advance",
    "agentsim_env.engine.settle.settle",
    "agentsim_env.engine.admission.admission.admissions",
    "agentsim_env.engine.core.jit.admit_program_admit",
    "agentsim_env.engine.core.events.push",
    "agentsim_env.engine.programs.orchestrator.turn_ready",
    "agentsim_env.engine.routing.router.route_next",
    "agentsim_env.engine.core.jit.route_turn_least_loaded",
    "agentsim_env.engine.routing.router.place",
    "agentsim_env.engine.batch.runs.synchronise",
    "agentsim_env.engine.batch.runs.wake",
    "agentsim_env.engine.iteration.plan.plan",
    "agentsim_env.engine.iteration.mixed.form_mixed",
    "agentsim_env.engine.loads.loads.set_out",
    "agentsim_env.engine.residency.pins.use_pins",
    "agentsim_env.engine.eviction.victims.free_up",
    "agentsim_env.engine.batch.prefill_chunk.take_chunk",
    "agentsim_env.engine.residency.residency.publish",
    "agentsim_env.engine.core.events.set_due",
    "agentsim_env.engine.batch.runs.catch_up",
    "agentsim_env.engine.batch.leave_batch.leave_batch",
    "agentsim_env.engine.programs.orchestrator.turn_ended",
    "agentsim_env.engine.core.events.clear_due",
    "agentsim_env.engine.programs.orchestrator._end_program",
    "agentsim_env.engine.eviction.room._evict_for",
    "agentsim_env.engine.batch.runs.cut",
    "agentsim_env.engine.scheduling.scheduling.victim",
    "agentsim_env.engine.batch.leave_batch.preempt",
)
