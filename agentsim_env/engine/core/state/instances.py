"""Records of instances, of the live turns in their queues and batches, and of how long iterations take."""

import numpy as np

from agentsim_env.engine.core.state.cache_lines import on_lines

INSTANCE = on_lines(
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
        ("next_to_plan", "i4"),  # next in the list of instances that are to form an iteration
        ("stage", "i1"),  # how far the iteration being formed has come
        ("plan_preempted", "i1"),  # somebody was preempted while it was formed
        ("plan_loaded", "i1"),  # a serialized load has filled its cache since the last run began
        ("prefills_only", "i1"),  # the iteration in flight leaves the decodes out
        ("n_decode", "i4"),
        ("kv_tokens", "i8"),  # KV tokens of all decodes after the iterations scheduled so far
        ("iteration", "i8"),  # iterations scheduled so far, except those that left the decodes out
        # The iteration that is being formed, and the run that it begins.
        ("run_base_s", "f8"),  # start of the first iteration of the run
        ("run_first_s", "f8"),  # duration of the first iteration of the run
        ("run_slope_s", "f8"),  # how much longer each further iteration takes
        ("run_length", "i4"),  # iterations of the run
        ("run_scheduled", "i4"),  # of these, scheduled in the state so far
        ("train_chunk", "i4"),  # the run carries one prefill that takes this many tokens each iteration; 0: none
        ("profile", "i4"),  # row of the latency tables
        ("max_num_seqs", "i4"),
        ("max_num_batched_tokens", "i4"),  # token budget of an iteration
        ("plan_tokens", "i4"),  # tokens so far of the iteration that turns would join now
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
        # Prefill time that the router sent here lately, by its tree; see engine/latency/recently_sent.py.
        ("recent_s", "f8"),
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
        ("peer_link", "i4"),  # link over which it gets blocks from other instances; NONE for none
        ("departing", "i4"),  # leader of the load that is to set out for it, for which room is made; NONE for none
        ("load_head", "i4"),  # leader of the first of the loads that are on their way to it
        ("acting_head", "i4"),  # programs that act and whose home it is, the longest gap first; where `prefetches`
        ("acting_tail", "i4"),
        ("next_to_prefetch", "i4"),
        ("prefetches", "i4"),  # contexts whose prefetch has begun
        ("prefetches_used", "i4"),  # found by the next turn of their program
        ("prefetches_wasted", "i4"),  # not found by it, or it never came
        ("prefetches_interrupted", "i4"),  # that gave way to what a waiting turn needs
        ("prefetches_cancelled", "i4"),  # that had not begun when distances were looked at again
        ("to_prefetch", "i1"),  # it stands in that list
        ("async_scheduling", "i1"),  # turns join its batch an iteration before the first that computes them
        ("next_on_gpu", "i4"),  # next in the ring of the instances that share its GPU; itself if it shares with nobody
        ("kept_for_next", "i4"),  # blocks that its batch will need in the next iteration, while others join for that
        ("adapter_slots", "i4"),  # adapters that its HBM has room for
        ("adapter_uses", "i8"),  # times that one was let go or has come
        ("adapter_lookups", "i8"),  # turns that joined its batch and needed one, as often as they joined ...
        ("adapter_hits", "i8"),  # ... of these, those that did not have to wait for it
        ("adapter_loads", "i8"),  # adapters brought up from host memory
        ("adapter_bytes", "f8"),  # of one adapter, on all GPUs of the instance together
        ("wasted_bytes", "f8"),  # moved to it by loads that were given up, or ahead of a use that did not come
        # Of instances with two lanes: see LANES.
        ("prefill_lane_s", "f8"),  # time of the prefill lane in iterations
        ("prefill_lane_iterations", "i4"),
        ("merged_prefills", "i4"),  # resume prefills that joined the decode lane
        ("budget_changes", "i4"),  # answers to `set_prefill_budget` that changed something
        ("rebinds", "i4"),  # times that a lane was bound to another slot
    ]
)

SLOT = on_lines(
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
        ("ahead", "i4"),  # prefill tokens, scheduled, of the iteration after it, which is its first; 0: it is in flight
        ("expected", "i4"),  # prefill tokens that it is expected to need, by the hit when it joined the queue
        ("demand", "i4"),  # blocks of its prompt that no running turn held when it joined the queue
        ("owned", "i4"),  # blocks of a prefill that are not published: 1 for a block begun, else 0
        ("generated", "i4"),  # output tokens when the present state began
        ("locked", "i4"),  # deepest resident record of its path that the turn locks
        ("kept", "i4"),  # deepest record of its path that a prefill instance keeps for it until it has been moved
        ("handed", "i1"),  # its prefill has ended on another instance, and it has not joined a batch since
        ("stay", "i1"),  # which stay in a batch this is, see FIRST
        ("passed_over", "i1"),  # it waits for the other lane than the one that takes turns now
        ("in_prefill_lane", "i1"),  # it is prefilled there, or has been and waits for the decodes' next iteration
        ("heap_at", "i4"),  # place in the instance's finish heap
        ("transfer", "i4"),  # leader of the load that it waits for; NONE for none
        ("next_waiter", "i4"),  # next turn that waits for the same load
        ("lacked_adapter", "i1"),  # it has had to wait for its adapter since it joined the queue
    ]
)

LANES = np.dtype(
    [
        # How the GPU is divided; `agentsim_env.hardware.lanes` explains each.
        ("slots", "i4"),
        ("decode_slot", "i4"),  # of the decode lane while both work
        ("budget_tokens", "i4"),  # longest resume prefill that joins the decode lane
        ("partition", "i1"),
        ("work_conserving", "i1"),
        ("decode_share", "f8"),  # least share for decodes: `decode_slot` is the smallest slot that has it
        ("rebind_s", "f8"),
        ("interference", "f8"),
        ("sm_limited", "f8"),
        ("sharpness", "f8"),
        ("decode_demand", "f8"),
        ("saturating_tokens", "f8"),
        ("floor_s", "f8"),  # time of an iteration of one token in dense layers: memory limits it
        ("token_s", "f8"),  # compute of a token
        # The prefill lane.
        ("prefilling", "i4"),  # turn that it computes a chunk of; NONE: it is idle
        ("ended_head", "i4"),  # turns whose prefill has ended there and that decode from the next iteration on
        ("ended_tail", "i4"),
        ("chunk_s", "f8"),  # time of the iteration in flight if it had all SMs and nothing beside it
        ("left_s", "f8"),  # what was left of that ...
        ("since_s", "f8"),  # ... at this time, from when on it has been computed ...
        ("speed", "f8"),  # ... so fast; 0: it has not begun
        ("began_s", "f8"),
        # When it was last asked about: time and steps of the decode lane so far.
        ("tick_busy_s", "f8"),
        ("tick_steps", "i8"),
        # Share of the SMs that each lane is bound to.
        ("decode_bound", "f8"),
        ("prefill_bound", "f8"),
        ("changed_s", "f8"),  # when an answer to `set_prefill_budget` last changed something
    ],
    align=True,
)
"""The two lanes of an instance: decodes run as in any instance, prefills beside them, one iteration at a time."""

FINISH = np.dtype([("finish", "i8"), ("sequence", "i8"), ("slot", "i8")], align=True)

DUE = np.dtype([("time_s", "f8"), ("instance", "i8")], align=True)  # end of its run

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
