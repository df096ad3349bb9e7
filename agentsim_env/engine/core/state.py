"""Every record of the engine: each field once, with its unit and meaning.

The state is arrays only, so that a copy of it is a snapshot. `-1` stands for "none" in every index. Records of turns
and programs are kept for all of them (they are the result); slots, resident segments and events exist only while they
live.
"""

from typing import Any, NamedTuple

import numpy as np

from agentsim_env.workload.programs import EDGE, PROGRAM, SEGMENT, TURN

NONE = -1

# States of a program.
UNBORN, HELD, ACTIVE, DONE, REJECTED, FAILED = range(6)
# States of a live turn (a slot).
READY, WAITING, PREFILL, DECODE = range(4)
# How an instance forms its iterations (mode of an instance in a scenario).
MODES = ("mixed", "prefill_first", "prefill", "decode")
MIXED_MODE, PREFILL_FIRST, PREFILL_MODE, DECODE_MODE = range(len(MODES))
# Stays of a turn in a batch: the first, one after it was handed over, one after preemption or a lost instance.
FIRST, MOVED, RETURNED = range(3)
# Stages of forming an iteration: prefills that run are looked up, running turns get blocks, waiting turns join.
LOOK_UP, MAKE_ROOM, TAKE_WAITING = range(3)
# Tiers below HBM, the upper one first.
DRAM, CXL = range(2)
# What becomes of KV on its own: a copy is made when a turn ends, when HBM gives it up, or never.
NO_COPIES, WRITE_THROUGH, WRITE_BACK = range(3)
# Classes of transfers, the most urgent first: a turn waits, a turn is expected, nobody waits.
DEMAND, AHEAD, BEHIND = range(3)

LINE_BYTES = 64


def _on_lines(fields: list[tuple[str, str]]) -> np.dtype:
    """A record padded to whole cache lines, for what is looked at all the time: its first fields share one."""
    dtype = np.dtype(fields, align=True)
    columns = dtype.fields or {}
    return np.dtype(
        {
            "names": list(columns),
            "formats": [column[0] for column in columns.values()],
            "offsets": [column[1] for column in columns.values()],
            "itemsize": -(-dtype.itemsize // LINE_BYTES) * LINE_BYTES,
        },
        align=True,
    )


WORLD = np.dtype(
    [
        ("now_s", "f8"),  # simulated time
        ("kv_s", "f8"),  # that of changes to the caches: of a run, the iteration that is being scheduled
        ("time_limit_s", "f8"),  # the episode is truncated here; inf for none
        ("frontend_s", "f8"),  # gateway delay between a turn's readiness and its routing
        ("prefetch_period_s", "f8"),  # time between the ticks of prefetching
        ("retain_period_s", "f8"),  # time between the ticks at which what is pinned is looked at again
        ("view_period_s", "f8"),  # the router's view of the instances is refreshed so often; 0: always fresh
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
        ("window", "f8"),  # programs that `concur` lets in
        ("tick_hits", "i8"),  # hit tokens, and tokens asked for, of all instances at its last tick
        ("tick_tokens", "i8"),
        ("ended_service_s", "f8"),  # sum of the service of all turns that have ended, see PROGRAM_RUN
        ("done_service_s", "f8"),  # sum of the service of all programs that are done
        ("ended_wait_s", "f8"),  # sum of the waits, from ready to first scheduling, of all turns that have ended
        (
            "pairs",
            "i8",
        ),  # turns k < N of programs done, N turns each: (turns had, turns to come); engine/programs/history.py
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
        ("decisions", "i8"),  # decisions answered from outside so far
        ("next_program", "i4"),  # next open-loop program to arrive
        ("last_follower", "i4"),  # last program that arrives when another has ended; NONE if all arrive by the clock
        ("warmup", "i4"),  # programs before this index are not counted, and rules answer for them
        ("n_busy", "i4"),  # counted programs that are busy now
        ("n_active", "i4"),  # counted programs that have arrived and not ended
        ("n_arrived", "i4"),
        ("n_admitted", "i4"),  # programs, counted or not, that have been admitted and have not ended
        ("n_held", "i4"),  # programs that are held at admission
        ("n_paused", "i4"),  # programs that are paused
        ("n_pauses", "i4"),  # times that a program has been paused
        ("n_holds", "i4"),  # programs that have ever been held
        ("n_done", "i4"),
        ("n_rejected", "i4"),
        ("n_failed", "i4"),
        ("n_violations", "i4"),  # counted turns that ended beyond an objective
        ("n_counted_done", "i4"),  # counted programs that are done
        ("n_charged", "i4"),  # counted programs that were rejected or failed
        ("block_size", "i4"),  # tokens in a KV block
        ("longest_context", "i4"),  # largest of the instances' max_context
        ("open_kinds", "i4"),  # bit set of the decision kinds that are answered from outside
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
        ("transfers", "i8"),  # transfers asked for so far
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
        ("whole_objects", "i1"),  # eviction gives up whole records
        ("has_links", "i1"),  # KV can be moved between pools
        ("prefetches", "i1"),  # somebody is asked what to bring up ahead of its use
        ("prefetch_armed", "i1"),  # a tick is due at which that happens
        ("serialized", "i1"),  # transfers take effect at once, and their time is added to the next iteration
        ("write_policy", "i1"),  # NO_COPIES, WRITE_THROUGH or WRITE_BACK
        ("paused_head", "i4"),  # turns of paused programs, at the gateway
        ("paused_tail", "i4"),
        ("arrived_head", "i4"),  # programs that have arrived and have not been asked for, first in first out
        ("arrived_tail", "i4"),
        ("held_head", "i4"),  # programs that are held, likewise
        ("held_tail", "i4"),
        ("ask_held", "i1"),  # something has changed since the first held program was held
        ("tick_armed", "i1"),  # an admission tick is due
        ("admission_ticks", "i1"),  # the admission rule wants ticks
        ("keep_books", "i1"),  # block-seconds are added up
        ("keep_tree", "i1"),  # the router remembers what it sent where (approximate prefix tree)
        # At the end, as the loop reads what stands at the beginning at every event, and is slower if that is moved.
        ("faults_until_s", "f8"),  # `event` holds all faults before this time; inf if there are no others
        ("faults", "i8"),  # faults that it has been given so far
        ("slice_events", "i8"),  # events after which `advance` comes back to Python; 0: when it is done
    ],
    align=True,
)

PROGRAM_RUN = np.dtype(
    [
        # What every turn changes stands together.
        ("gap_s", "f8"),  # time since arrival in which the program was not busy
        ("idle_since_s", "f8"),  # start of the current gap
        ("acting_since_s", "f8"),  # since when none of its turns is in the cluster
        ("acting_s", "f8"),  # time without a turn there, and service; what is past fades with every turn
        ("busy", "i4"),  # turns in the cluster plus tool calls in the queue of a server
        ("live", "i4"),  # turns in the cluster or at the gateway
        ("turns_left", "i4"),
        ("context_tokens", "i4"),  # longest context so far
        ("pin", "i4"),  # first of its pins
        ("home", "i2"),  # instance of the program's most recently routed turn
        ("state", "i1"),
        ("paused", "i1"),  # its turns are held at the gateway
        ("reasoning_s", "f8"),  # see `acting_s`
        ("service_s", "f8"),  # execution time of its turns so far (first scheduling to end), for attained-service rules
        ("wait_s", "f8"),  # time that its ended turns waited, from ready to first scheduling
        ("arrived_s", "f8"),  # time of arrival
        ("end_s", "f8"),  # end of the last turn, rejection or failure; NaN before
        ("admitted_s", "f8"),  # when it was let in; NaN before
        ("paused_s", "f8"),  # time paused, until the last change
        ("paused_since_s", "f8"),
        ("pauses", "i4"),  # times that it has been paused
        ("next_held", "i4"),  # next in the list of programs that have arrived, or are held
        ("follower", "i4"),  # first program of the closed loop that waits for this one
        ("sibling", "i4"),  # next program that waits for the same one
    ],
    align=True,
)

AHEAD_RUN = np.dtype(
    [
        ("last_turn", "i4"),  # the program's last turn that has ended
        ("acting_at", "i4"),  # instance in whose list of acting programs it stands, NONE for none
        ("next_acting", "i4"),  # neighbours there
        ("previous_acting", "i4"),
        ("prefetch", "i4"),  # transfer that brings up its context ahead of use, NONE for none
        ("prefetched", "i4"),  # instance to which it has been brought up and not been used yet, NONE for none
        ("prefetched_from", "i4"),  # blocks of it that were there before
    ],
    align=True,
)

PREFIX = np.dtype(
    [
        ("segment", "i4"),  # segment that a program's first prompt shares with others, NONE for none
        ("tokens", "i4"),  # up to the end of that
    ],
    align=True,
)

TURN_RUN = np.dtype(
    [
        # The end of a turn and the beginning of the next, which often are of one chain, stand side by side.
        ("ready_s", "f8"),  # all parents' tools have returned
        ("pending", "i4"),  # incoming edges not yet done
        ("preemptions", "i2"),
        ("instance", "i2"),  # instance of the last routing
        ("routed_s", "f8"),  # last routing; the turn joins the queue of its instance then
        ("scheduled_s", "f8"),  # first time in a batch
        ("first_token_s", "f8"),
        ("hit_tokens", "i4"),  # prompt tokens found in the KV cache in its first stay in a batch
        ("readmission_hit_tokens", "i4"),  # prefill tokens found when it came back to one, its own among them ...
        ("readmission_lookup_tokens", "i4"),  # ... of so many that were looked up
        ("computed_tokens", "i4"),  # prefill tokens computed, recomputation after preemption included
        ("end_s", "f8"),
    ],
    align=True,
)

SLOT = _on_lines(
    [
        ("sequence", "i8"),  # number of the admission to the batch; larger is later
        ("decode_from", "i8"),  # iteration count of the instance when decoding began
        ("finish", "i8"),  # iteration count of the instance at which the last token appears
        ("turn", "i4"),
        ("program", "i4"),
        ("instance", "i4"),
        ("state", "i4"),
        ("next", "i4"),  # neighbours in the list that holds the turn: to route, parked, waiting or running
        ("previous", "i4"),
        ("prefill_next", "i4"),  # next in the instance's list of prefills
        ("target", "i4"),  # tokens to prefill: prompt plus what was generated before a preemption
        ("computed", "i4"),  # tokens of the target whose KV is scheduled or found
        ("chunk", "i4"),  # prefill tokens in the iteration in flight
        ("expected", "i4"),  # prefill tokens that it is expected to need, by the hit when it joined the queue
        ("demand", "i4"),  # blocks of its prompt that no running turn held when it joined the queue
        ("owned", "i4"),  # blocks of a prefill that are not published: 1 for a block begun, else 0
        ("generated", "i4"),  # output tokens when the present state began
        ("locked", "i4"),  # deepest resident record of its path that the turn locks
        ("kept", "i4"),  # deepest record of its path that a prefill instance keeps for it until it has been moved
        ("handed", "i1"),  # its prefill has ended on another instance, and it has not joined a batch since
        ("stay", "i1"),  # which stay in a batch this is, see FIRST
        ("heap_at", "i4"),  # place in the instance's finish heap
        ("transfer", "i4"),  # leader of the load that it waits for; NONE for none
        ("next_waiter", "i4"),  # next turn that waits for the same load
    ]
)

INSTANCE = _on_lines(
    [
        # Routing and the clock look at these on every instance: they stand in one cache line.
        ("max_context", "i4"),  # longest prompt + output that fits
        ("n_waiting", "i4"),
        ("n_running", "i4"),
        ("up", "i1"),
        ("running", "i1"),  # an iteration is in flight
        ("to_plan", "i1"),  # it stands in that list
        ("mode", "i1"),  # see MODES
        ("outstanding_tokens", "i8"),  # targets of all waiting and running turns
        ("due_s", "f8"),  # end of the last iteration of the run
        ("due_at", "i4"),  # place in the heap of instances with an iteration in flight
        ("next_to_plan", "i4"),  # next in the list of instances that are to form an iteration
        ("stage", "i1"),  # how far the iteration being formed has come
        ("plan_preempted", "i1"),  # somebody was preempted while it was formed
        ("plan_loaded", "i1"),  # a serialized load has filled its cache since the last run began
        ("prefills_only", "i1"),  # the iteration in flight leaves the decodes out
        ("n_decode", "i4"),
        ("kv_tokens", "i8"),  # KV tokens of all decodes after the iterations scheduled so far
        ("iteration", "i8"),  # iterations scheduled so far, but for those that left the decodes out
        # The iteration that is being formed, and the run that it begins.
        ("run_base_s", "f8"),  # start of the first iteration of the run
        ("run_first_s", "f8"),  # duration of the first iteration of the run
        ("run_slope_s", "f8"),  # how much longer each further iteration takes
        ("run_length", "i4"),  # iterations of the run
        ("run_scheduled", "i4"),  # of these, scheduled in the state so far
        ("train_chunk", "i4"),  # the run carries one prefill that takes this many tokens each iteration; 0: none
        ("profile", "i4"),  # row of the latency tables
        ("max_num_seqs", "i4"),
        ("max_tokens", "i4"),  # token budget of an iteration
        ("plan_tokens", "i4"),  # tokens that the iteration being formed has so far
        ("joining", "i4"),  # waiting turn that is being taken into the batch, for which room is made; NONE for none
        ("longest", "i8"),  # largest of the decodes' (KV tokens - iteration count)
        # Turns that join and leave.
        ("waiting_head", "i4"),
        ("waiting_tail", "i4"),
        ("running_head", "i4"),
        ("running_tail", "i4"),
        ("prefill_head", "i4"),
        ("prefill_tail", "i4"),
        ("queued_tokens", "i8"),  # targets of the waiting turns
        ("expected_tokens", "i8"),  # prefill tokens that the waiting turns are expected to need
        ("expected_pairs", "i8"),  # twice the pairs (token, token before it) that attention has to see for these
        ("demand_blocks", "i8"),  # blocks that the waiting turns will add to those in use
        ("sequence", "i8"),  # admissions so far
        # What every run or turn adds to.
        ("busy_s", "f8"),  # time spent in iterations that ended
        ("owed_s", "f8"),  # time of serialized transfers that its next iteration has to wait for
        ("prefill_tokens", "i8"),  # prefill tokens scheduled so far
        ("decode_tokens", "i8"),  # tokens generated so far
        ("hit_tokens", "i8"),  # as in TURN_RUN
        ("readmission_hit_tokens", "i8"),
        ("asked_tokens", "i8"),  # prompt tokens asked for, minus what preemption left undone: all hits + computed
        ("lookup_tokens", "i8"),  # prompt tokens looked up when turns joined a batch for the first time
        ("readmission_lookup_tokens", "i8"),
        ("output_tokens", "i8"),  # output tokens of the turns that ended here
        ("evicted_blocks", "i8"),
        # The rest.
        ("unqueued_since_s", "f8"),  # when the waiting queue last became empty
        ("up_s", "f8"),  # time up, until the last change
        ("up_since_s", "f8"),
        (
            "recent_s",
            "f8",
        ),  # prefill time that the router sent here lately, by its tree; see engine/latency/recently_sent.py
        ("recent_at_s", "f8"),  # when that was last brought up to date
        ("prefill_iterations", "i8"),  # iterations that left the decodes out
        ("dropped_blocks", "i8"),  # blocks given up by `retain_kv`
        ("loaded_blocks", "i8"),  # blocks brought up from lower tiers
        ("stored_blocks", "i8"),  # blocks copied to lower tiers
        ("migrated_blocks", "i8"),  # blocks brought from other instances
        ("demoted_blocks", "i8"),  # blocks given up because their copy below has been asked for and is there
        ("lost_blocks", "i8"),  # blocks that were to be copied and found no place: below, or in the staging buffer
        ("block_bytes", "f8"),  # KV of one block, on all GPUs of the instance together
        ("peak_blocks", "i4"),  # most blocks in use
        ("turns", "i4"),  # turns that ended here
        ("reordered", "i4"),  # turns that joined its batch before the head of the queue
        ("held_back", "i4"),  # times that nobody joined although the head of the queue could have
        ("preemptions", "i4"),
        ("steals", "i4"),  # waiting turns taken from other instances
        ("pins_made", "i4"),
        ("pins_used", "i4"),  # ended by a turn that they were for
        ("pins_expired", "i4"),
        ("pins_broken", "i4"),  # given up under pressure
        ("pin", "i4"),  # first of its pins
        ("handed_over", "i4"),  # turns that went on to a decode instance
        ("peer_link", "i4"),  # link over which it gets blocks from other instances; NONE for none
        ("departing", "i4"),  # leader of the load that is to set out for it, for which room is made; NONE for none
        ("load_head", "i4"),  # leader of the first of the loads that are on their way to it
        ("acting_head", "i4"),  # programs that act and whose home it is, the longest gap first; where `prefetches`
        ("acting_tail", "i4"),
        ("next_to_prefetch", "i4"),
        ("prefetches", "i4"),  # contexts whose prefetch has begun
        ("prefetches_used", "i4"),  # found by the next turn of their program
        ("prefetches_wasted", "i4"),  # not found by it, or it never came
        ("to_prefetch", "i1"),  # it stands in that list
    ]
)

POOL = _on_lines(
    [
        ("charged_s", "f8"),  # blocks in use have been charged up to here; see engine/residency/kv_time.py
        ("capacity", "i4"),  # blocks
        ("used", "i4"),  # blocks resident, owned or reserved for what is on its way
        ("idle", "i4"),  # resident blocks that nobody locks or pins
        ("pinned", "i4"),  # resident blocks that are pinned and that nobody locks
        ("oldest", "i4"),  # idle records: those that go first, then least recently released first
        ("newest", "i4"),
        ("last_first", "i4"),  # the last of those that go first; NONE for none
        ("staging_blocks", "i4"),  # room for what is written back: it has left the pool and waits for its link
        ("staged_blocks", "i4"),  # of these, in use
    ]
)

TIER = np.dtype(
    [
        ("pool", "i4"),  # NONE for none
        ("down", "i4"),  # link to it
        ("up", "i4"),  # link from it; NONE for none
    ],
    align=True,
)

RESIDENT = _on_lines(
    [
        ("released_s", "f8"),  # when it was last released
        ("segment", "i4"),
        ("pool", "i4"),  # NONE for a free record
        ("blocks", "i4"),  # leading blocks of the segment that the pool holds
        ("locks", "i4"),  # turns that lock it, plus locked children
        ("pins", "i4"),  # pins on it, plus pinned children
        ("parent", "i4"),  # record of the parent segment in the same pool
        ("children", "i4"),  # resident children
        ("older", "i4"),  # neighbours among the idle records of the pool
        ("newer", "i4"),
        ("next_holder", "i4"),  # neighbours among the records of the same segment
        ("uses", "i4"),  # stays of turns in a batch that locked it and have ended
        ("shared", "i1"),  # they were of more than one program
        ("goes_first", "i1"),  # it has been given up, and nobody has locked it since
        ("torn", "i1"),  # a transfer into it was lost
        ("program", "i4"),  # program of the last stay; NONE for none
        ("previous_holder", "i4"),
        # Up to here in one cache line.
        ("idle_since_s", "f8"),  # since when nobody locks it; for token-seconds
        ("entered", "i8"),  # number of the record; a later one is larger
        ("mark", "i8"),  # scratch of eviction rules: the number of the question that `place` belongs to
        ("place", "i4"),
        # In lower tiers only, where a record has room for any run of blocks of its segment; see tiers/lower_pools.py.
        ("first", "i4"),  # first block that it has room for
        ("ready", "i4"),  # first block that has arrived
        ("ready_end", "i4"),  # end of the run of blocks that have arrived
        ("arriving", "i2"),  # transfers on their way into it
    ]
)

PIN = np.dtype(
    [
        ("expiry_s", "f8"),  # deadline
        ("turn", "i4"),  # turn that left what is pinned; NONE for a free record
        ("instance", "i4"),
        ("record", "i4"),  # deepest record that it pins
        ("next", "i4"),  # neighbours among the pins of the instance; next free record
        ("previous", "i4"),
        ("next_of_program", "i4"),  # next among the pins of the program
        ("again", "i1"),  # the rule is asked again, and no event marks the deadline
    ],
    align=True,
)

EVENT = np.dtype([("time_s", "f8"), ("key", "i8")], align=True)  # key = kind << 32 | id

DUE = np.dtype([("time_s", "f8"), ("instance", "i8")], align=True)  # end of its run

FINISH = np.dtype([("finish", "i8"), ("sequence", "i8"), ("slot", "i8")], align=True)

LINK = np.dtype(
    [
        ("bytes_per_s", "f8"),  # 0: nothing is sent
        ("latency_s", "f8"),
        ("block_bytes", "f8"),  # KV of one block
        ("busy_s", "f8"),  # time in which something was on it, of transfers that ended
        ("bytes", "f8"),  # moved by transfers that ended
        ("current", "i4"),  # transfer on it
        ("queue_head", "i4"),  # transfers that wait for it, in the order in which they are served
        ("queue_tail", "i4"),
        ("by_priority", "i1"),  # the most urgent class goes first, within one the first that was asked for
    ],
    align=True,
)

TRANSFER = np.dtype(
    [
        ("begun_s", "f8"),
        ("sequence", "i8"),  # number of the request; smaller is earlier
        ("payer", "i4"),  # instance whose next iteration waits for it, if transfers are serialized
        ("source_pool", "i4"),
        ("target_pool", "i4"),
        ("link", "i4"),
        ("leaf", "i4"),  # leaf of the path that is copied
        ("first", "i4"),  # blocks of the path from this one ...
        ("blocks", "i4"),  # ... up to here (not included) are to be at its target
        ("missing", "i4"),  # blocks that it moves
        ("source", "i4"),  # HBM record that it locks at its source, NONE for none
        ("held", "i4"),  # record that a load locks at its target, NONE for none
        ("reserved", "i4"),  # blocks that a load keeps free at its target
        ("slot", "i4"),  # waiting turn that a load is for; NONE for none
        ("waiter", "i4"),  # of a leader: first of the turns that wait for the load
        ("next_load", "i4"),  # of a leader: next load on its way to the same instance
        ("program", "i4"),  # program that it is for, if it has set out ahead of use; NONE for none
        ("leader", "i4"),  # first transfer of the load that it belongs to; itself where it is alone
        ("sibling", "i4"),  # next transfer of the same load
        ("left", "i4"),  # of a leader: transfers of the load that have not ended
        ("next", "i4"),  # next in the queue of the link, or next free record
        ("urgency", "i1"),  # DEMAND, AHEAD or BEHIND
        ("staged", "i1"),  # its blocks are in the staging buffer of its source
        ("demotes", "i1"),  # HBM gives up what it has copied
        ("done", "i1"),  # it has ended, others of its load have not
        ("void", "i1"),  # an instance has failed: it ends without effect
    ],
    align=True,
)

TOOL = np.dtype(
    [
        ("backoff_s", "f8"),
        ("concurrency", "i4"),  # 0: no server, no queue
        ("running", "i4"),
        ("queue_head", "i4"),  # edges that wait for a place
        ("queue_tail", "i4"),
    ],
    align=True,
)

GAP = np.dtype(
    [
        ("n", "i8"),  # gaps that have ended
        ("sum_s", "f8"),  # of these
        ("ema_s", "f8"),  # moving averages, see engine/programs/history.py
        ("fast_ema_s", "f8"),
        ("log_mean", "f8"),  # of log seconds, likewise
        ("log_variance", "f8"),
    ],
    align=True,
)

TENANT = np.dtype(
    [
        ("service_s", "f8"),  # service that its turns have had, those that have ended
        ("urgency", "f8"),  # scratch of scheduling rules
    ],
    align=True,
)

PROFILE = np.dtype(
    [
        ("overhead_s", "f8"),
        ("chunk_overhead_s", "f8"),
        ("cpu_s", "f8"),
        ("cpu_per_seq_s", "f8"),
        ("cpu_per_token_s", "f8"),
        ("serial_pure_s", "f8"),
        ("serial_mixed_s", "f8"),
    ],
    align=True,
)


class State(NamedTuple):
    """The whole simulation, N instances, P programs, T turns, E edges, S segments."""

    world: Any  # WORLD [1]
    program: Any  # PROGRAM [P], the workload
    turn: Any  # TURN [T], the workload
    edge: Any  # EDGE [E], the workload
    segment: Any  # SEGMENT [S], the workload
    program_run: Any  # PROGRAM_RUN [P]
    ahead: Any  # AHEAD_RUN [P], or [0] if nobody is asked what to bring up ahead of its use
    prefix: Any  # PREFIX [P], or [0] if no rule attributes shared prefixes to programs
    turn_run: Any  # TURN_RUN [T]
    path_s: Any  # f8 [T], or [0] if no rule asks: service on the longest path of ended turns that leads to a turn
    edge_next: Any  # i4 [E], or [0] without tool servers: next edge in the queue of a tool server
    edge_attempt: Any  # i2 [E], or [0]: attempts begun on a tool server
    due_after_s: Any  # f8 [T], or [0] if no rule looks ahead; engine/programs/future_uses.py
    use_first: Any  # i4 [S + 1], or [0]: uses of segment s are `use_turn[use_first[s]:use_first[s + 1]]`
    use_turn: Any  # i4 [uses], turns that use a segment, in order
    use_at: Any  # i4 [S], or [0]: first of them that is not over
    holder: Any  # i4 [S], first resident record of each segment
    seen_holder: Any  # i4 [S], what the router sees of it; itself unless views are delayed
    place: Any  # i4 [power of two], resident records by (segment, pool), hashed; see engine/residency/directory.py
    tool: Any  # TOOL [kinds]
    gap: Any  # GAP [kinds + 1], tool gaps that have ended, by tool and, in the last row, of all tools
    last_gaps_s: Any  # f8 [kinds + 1, 100], the last of these; a ring
    tenant: Any  # TENANT [tenants]
    instance: Any  # INSTANCE [N]
    seen: Any  # INSTANCE [N], what the router sees; the instances themselves unless views are delayed
    pool: Any  # POOL [pools]: HBM of each instance, the router's tree of each instance if it keeps one, lower tiers
    seen_pool: Any  # POOL [pools], likewise
    tier: Any  # TIER [pools, 2], tiers below each pool
    sharer: Any  # i4 [S], or [0]: scratch of rules that attribute shared prefixes to programs
    block_s: Any  # f8 [N, 7], block-seconds of the instances by what for; see engine/residency/kv_time.py
    residue: Any  # i4 [N, block size], decodes by (KV tokens - iteration count) modulo the block size
    finish: Any  # FINISH [N, max sequences], heaps
    slot: Any  # SLOT [most live turns]
    resident: Any  # RESIDENT [most resident records]
    seen_resident: Any  # RESIDENT [most resident records], what the router sees of them, likewise
    pin: Any  # PIN [most pins]
    ended: Any  # i4 [most turns that end at once], turns that have ended and whose KV is to be decided about
    pin_grid_s: Any  # f8 [G], how long a pin may last
    link: Any  # LINK [links]
    transfer: Any  # TRANSFER [most transfers]
    event: Any  # EVENT [most events], heap
    due: Any  # DUE [N], heap of the running instances
    profile: Any  # PROFILE [profiles]
    by_tokens: Any  # f8 [profiles, tokens + 1, 3]: dense s, prefill attention s, s per cached token
    by_seqs: Any  # f8 [profiles, sequences + 1, 5]: per-sequence s; decode attention s and s per KV token, pure, mixed
    rule: Any  # i4 [decision kinds], rule that answers each kind
    parameter: Any  # f8 [decision kinds, parameters], of the rule in force
    allowed: Any  # u1 [N], mask of the routing decision being made
    candidate: Any  # i4 [K], candidates of another decision: slots, records or programs, by its kind
    option: Any  # u1 [K + answers that are no candidate], mask of its answers
    score: Any  # f8 [N], scratch of routing rules


LAYOUT: tuple[tuple[np.dtype, int], ...] = (
    (WORLD, 1),
    (PROGRAM, 1),
    (TURN, 1),
    (EDGE, 1),
    (SEGMENT, 1),
    (PROGRAM_RUN, 1),
    (AHEAD_RUN, 1),
    (PREFIX, 1),
    (TURN_RUN, 1),
    (np.dtype("f8"), 1),
    (np.dtype("i4"), 1),
    (np.dtype("i2"), 1),
    (np.dtype("f8"), 1),
    (np.dtype("i4"), 1),
    (np.dtype("i4"), 1),
    (np.dtype("i4"), 1),
    (np.dtype("i4"), 1),
    (np.dtype("i4"), 1),
    (np.dtype("i4"), 1),
    (TOOL, 1),
    (GAP, 1),
    (np.dtype("f8"), 2),
    (TENANT, 1),
    (INSTANCE, 1),
    (INSTANCE, 1),
    (POOL, 1),
    (POOL, 1),
    (TIER, 2),
    (np.dtype("i4"), 1),
    (np.dtype("f8"), 2),
    (np.dtype("i4"), 2),
    (FINISH, 2),
    (SLOT, 1),
    (RESIDENT, 1),
    (RESIDENT, 1),
    (PIN, 1),
    (np.dtype("i4"), 1),
    (np.dtype("f8"), 1),
    (LINK, 1),
    (TRANSFER, 1),
    (EVENT, 1),
    (DUE, 1),
    (PROFILE, 1),
    (np.dtype("f8"), 3),
    (np.dtype("f8"), 3),
    (np.dtype("i4"), 1),
    (np.dtype("f8"), 2),
    (np.dtype("u1"), 1),
    (np.dtype("i4"), 1),
    (np.dtype("u1"), 1),
    (np.dtype("f8"), 1),
)
"""Dtype and number of dimensions of each array of `State`, in order."""


SEEN = {"seen": "instance", "seen_pool": "pool", "seen_holder": "holder", "seen_resident": "resident"}
"""What the router sees, and of what: one array stands for both unless views are delayed."""


def handle(state: State) -> np.ndarray:
    """Addresses and shapes of a state's arrays, `int64 [arrays, 4]`; `engine/core/pointer.py` reads it.

    Passing this one array into compiled code takes about 0.2 µs; passing all arrays takes 0.24 µs each. The arrays
    must outlive it.

    Raises:
        TypeError: If an array does not have the layout that `LAYOUT` declares.
    """
    rows = np.ones((len(state), 4), np.int64)
    for row, (name, array), (dtype, ndim) in zip(rows, state._asdict().items(), LAYOUT, strict=True):
        if array.dtype != dtype or array.ndim != ndim or not array.flags.c_contiguous:
            found = f"{array.ndim}-d {array.dtype}"
            raise TypeError(f"state.{name} must be a contiguous {ndim}-d array of {dtype}, not {found}")
        row[0] = array.ctypes.data
        row[1 : 1 + ndim] = array.shape
    return rows
