"""The record of the clock, the options and the counters of an episode, and the events to come."""

import numpy as np

WORLD = np.dtype(
    [
        ("now_s", "f8"),  # simulated time
        ("kv_s", "f8"),  # that of changes to the caches: of a run, the iteration that is being scheduled
        ("time_limit_s", "f8"),  # the episode is truncated here; inf for none
        ("frontend_s", "f8"),  # gateway delay between a turn's readiness and its routing
        ("prefetch_period_s", "f8"),  # time between the ticks of prefetching
        ("retain_period_s", "f8"),  # time between the ticks at which what is pinned is looked at again
        ("view_delay_s", "f8"),  # the router's view of the instances is refreshed so often; 0: always fresh
        ("steal_period_s", "f8"),  # idle instances look for work to steal so often; 0: never
        ("area_at_s", "f8"),  # the two areas are integrated up to this time
        ("area_busy", "f8"),  # program-seconds in which a counted program was busy
        ("area_all", "f8"),  # program-seconds in which a counted program had arrived and not ended
        ("system_s", "f8"),  # time in which at least one counted program had arrived and not ended
        ("ttft_s", "f8"),  # sum of TTFT over the counted turns that have ended
        ("tpot_s", "f8"),  # sum of the mean time per output token after the first, likewise
        ("slo_ttft_s", "f8"),  # objectives; inf for none
        ("slo_tpot_s", "f8"),
        ("admission_period_s", "f8"),  # held programs are asked for again so often
        ("window", "f8"),  # programs that `concur` lets in, or that `hysteresis_gate` may have let in
        ("tick_hits", "i8"),  # hit tokens, and tokens asked for, of all instances at its last tick
        ("tick_tokens", "i8"),
        ("ended_service_s", "f8"),  # sum of the service of all turns that have ended, see PROGRAM_RUN
        ("done_service_s", "f8"),  # sum of the service of all programs that are done
        ("ended_wait_s", "f8"),  # sum of the waits, from ready to first scheduling, of all turns that have ended
        # Turns k < N of programs done, N turns each: (turns had, turns to come); see engine/programs/history.py.
        ("pairs", "i8"),
        ("pair_sum", "i8"),  # sum of k, which is that of N - k
        ("pair_squares", "i8"),  # sum of k squared
        ("pair_products", "i8"),  # sum of k (N - k)
        ("recomputed_tokens", "i8"),  # prefill tokens of counted turns that their programs had had before
        ("seed", "u8"),  # for hash01: chance inside rules
        ("chances", "i8"),  # number of the next draw from hash01
        ("turns_ended", "i8"),  # turns that have ended
        ("inside_tokens", "i8"),  # longest contexts so far, over the programs that are admitted and have not ended
        ("done_tokens", "i8"),  # longest contexts, over the programs that are done
        ("routed", "i8"),  # routing decisions made so far
        ("next_program", "i4"),  # next open-loop program to arrive
        ("last_follower", "i4"),  # last program that arrives when another has ended; NONE if all arrive by the clock
        ("warmup_programs", "i4"),  # programs before this index are not counted, and rules answer for them
        ("n_busy", "i4"),  # counted programs that are busy now
        ("n_active", "i4"),  # counted programs that have arrived and not ended
        ("n_arrived", "i4"),
        ("n_admitted", "i4"),  # programs, counted or not, that have been admitted and have not ended
        ("n_held", "i4"),  # programs that are held at admission
        ("n_paused", "i4"),  # programs that are paused
        ("n_done", "i4"),
        ("n_rejected", "i4"),
        ("n_failed", "i4"),
        ("n_violations", "i4"),  # counted turns that ended beyond an objective
        ("n_counted_done", "i4"),  # counted programs that are done
        ("n_charged", "i4"),  # counted programs that were rejected or failed
        ("block_size", "i4"),  # tokens in a KV block
        ("longest_context", "i4"),  # largest of the instances' max_context
        ("least_context", "i4"),  # smallest of these
        ("n_allowed", "i4"),  # instances that `State.allowed` has
        ("last_allowed", "i4"),  # the last of these, NONE for none
        ("allowed_for", "i1"),  # what turns it is for, see FOR_ONE
        ("agent_kinds", "i4"),  # bit set of the decision kinds that are answered from outside
        ("asked", "i4"),  # kind of the decision that waits for an answer, NONE if none does
        ("asked_program", "i4"),  # program that the decision is about, NONE if it is about none
        ("asked_slot", "i4"),  # live turn that the decision is about, NONE if it is about none
        ("asked_instance", "i4"),  # instance that the decision is about, likewise
        ("answer", "i4"),  # answer from outside that the instance being planned has yet to take; NONE: none
        ("n_candidates", "i4"),  # candidates of the decision, beside `candidate`
        ("plan_head", "i4"),  # instances that are to form an iteration now, first in first out
        ("plan_tail", "i4"),
        ("last_routed", "i4"),  # instance that the last turn was sent to
        ("last_handed", "i4"),  # decode instance that the last turn was sent to
        ("entries", "i8"),  # resident records made so far
        ("marks", "i8"),  # questions for which eviction rules have marked records
        ("pin_s", "f8"),  # how long the retention rule pins, where its answer is an exact time
        ("n_pin_times", "i4"),  # entries of `pin_grid_s`
        ("n_ended", "i4"),  # entries of `ended`
        ("next_ended", "i4"),  # of these, decided about
        ("n_pins", "i4"),  # pins ever used
        ("free_pin", "i4"),  # head of the list of free pins
        ("n_transfers", "i4"),  # transfer records ever used
        ("free_transfer", "i4"),  # head of the list of free transfer records
        ("n_events", "i4"),  # entries of the event heap
        ("n_due", "i4"),  # entries of the heap of running instances
        ("n_slots", "i4"),  # slots ever used; those in the free list are below it
        ("free_slot", "i4"),  # head of the list of free slots
        ("n_residents", "i4"),  # resident records ever used
        ("free_resident", "i4"),  # head of the list of free resident records
        ("n_places", "i4"),  # entries of `place` in use, a power of two
        ("n_entered", "i4"),  # records that stand there
        ("n_acting", "i4"),  # programs that act, see engine/tiers/prefetch_subjects.py; counted where `prefetches`
        ("prefetch_head", "i4"),  # instances for which is to be asked what they bring up, first in first out
        ("prefetch_tail", "i4"),
        ("route_head", "i4"),  # turns to be routed now, first in first out
        ("route_tail", "i4"),
        ("parked_head", "i4"),  # turns for which no instance is up
        ("parked_tail", "i4"),
        ("retains", "i1"),  # what becomes of the KV of a turn that ends is decided: not everything is just left
        ("firm_pins", "i1"),  # pins give way to running turns only, unless nothing runs
        ("expired_first", "i1"),  # what a pin has kept is the first to go when the pin expires
        ("retains_again", "i1"),  # the rule is asked again about what it keeps pinned
        ("retain_armed", "i1"),  # a tick is due at which that happens
        ("timed_eviction", "i1"),  # it matters when victims are chosen: not by age alone, or copies are made of them
        ("eviction", "i1"),  # BLOCKS or OBJECTS
        ("has_links", "i1"),  # KV can be moved between pools
        ("prefetches", "i1"),  # somebody is asked what to bring up ahead of its use
        ("prefetch_armed", "i1"),  # a tick is due at which that happens
        ("transfers", "i1"),  # OVERLAP or SERIALIZED
        ("write_policy", "i1"),  # NO_COPIES, WRITE_THROUGH or WRITE_BACK
        ("paused_head", "i4"),  # turns of paused programs, at the gateway
        ("paused_tail", "i4"),
        ("arrived_head", "i4"),  # programs that have arrived and have not been asked for, first in first out
        ("arrived_tail", "i4"),
        ("held_head", "i4"),  # programs that are held, likewise
        ("held_tail", "i4"),
        ("next_budget", "i4"),  # next instance to be asked about in a tick at which budgets are set; NONE: no such tick
        ("ask_held", "i1"),  # something has changed since the first held program was held
        ("tick_armed", "i1"),  # an admission tick is due
        ("admission_ticks", "i1"),  # the admission rule wants ticks
        ("token_seconds", "i1"),  # block-seconds are added up
        ("keep_tree", "i1"),  # the router remembers what it sent where (approximate prefix tree)
        ("shares_gpus", "i1"),  # some instances share a GPU
        # At the end, as the loop reads what stands at the beginning at every event, and is slower if that is moved.
        ("faults_until_s", "f8"),  # `event` holds all faults before this time; inf if there are no others
        ("faults", "i8"),  # faults that it has been given so far
        ("context_switch_s", "f8"),  # an iteration that begins while others of its GPU work takes so much longer
        # Budgets of instances with two lanes.
        ("budget_period_s", "f8"),  # time between the ticks at which they are set
        ("set_share", "f8"),  # what the rule has answered: least share of the SMs for decodes ...
        ("set_tokens", "i4"),  # ... and longest resume prefill that joins them
        ("sets_budgets", "i1"),  # somebody sets them
        ("budgets_armed", "i1"),  # such a tick is due
        ("router_learns", "i1"),  # it keeps in mind how turns fared where it sent them
        ("served_half_life_s", "f8"),  # after so long without a turn half of what a program was served counts
        ("slice_events", "i8"),  # events after which `advance` comes back to Python; 0: when it is done
        ("has_adapters", "i1"),  # instances have slots for adapters
        ("has_loners", "i1"),  # some programs are in no society
        ("knows_reuse", "i1"),  # the prefetch rule knows what of a context is used again
        ("policy_kinds", "i4"),  # bit set of the decision kinds that trained policies answer, of `agent_kinds`
        ("renews", "i1"),  # loads ahead of use that have not begun are given up at the ticks of prefetching
        ("advises", "i1"),  # who is asked is shown what the rule would answer, and may have exactly that
    ],
    align=True,
)

EVENT = np.dtype([("time_s", "f8"), ("key", "i8")], align=True)  # key = kind << 32 | id

POLICY = np.dtype(
    [
        ("form", "i4"),  # see engine/core/scorer.py
        ("width", "i4"),  # units in a layer
        ("allowed", "i4"),  # column of rows that are pooled
        ("answers", "i4"),  # rows of a decision
        ("features", "i4"),  # columns of a row
        ("first_weight", "i4"),  # its weights: `policy_weights` from here on
        ("weights", "i4"),  # number of these
    ],
    align=True,
)
"""A trained policy that answers a kind of decision."""
