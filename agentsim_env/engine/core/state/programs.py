"""Records of programs, turns, tools and tenants: what has become of each so far."""

import numpy as np

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
        ("prefetched_adapter", "i1"),  # its adapter has been brought up, too
        ("prefetched_blocks", "i4"),  # blocks that were moved for that
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

SOCIETY = np.dtype(
    [
        ("step_s", "f8"),  # a step lasts at least so long
        ("step", "i4"),  # the step that it is in; NONE before the first
        ("n_steps", "i4"),
        ("left", "i4"),  # turns of its admitted programs that stand in steps begun so far and have not ended
        ("first_row", "i4"),  # its step k is row `first_row + k` of `step_row` and `step_run`
        ("armed", "i1"),  # the begin of the next step is due
    ],
    align=True,
)

STEP_ROW = np.dtype(
    [
        ("first_turn", "i4"),  # turns that stand in it: `step_turn` from here to the next row's
        ("first_report", "i4"),  # reports that are made when it begins, likewise in `report`
    ],
    align=True,
)

STEP_RUN = np.dtype(
    [
        ("begun_s", "f8"),  # NaN before
        ("ended_s", "f8"),  # all turns of it and of the steps before have ended
        ("first", "i4"),  # programs that have announced it, see engine/programs/reports.py
        ("last", "i4"),
    ],
    align=True,
)

ANNOUNCER = np.dtype(
    [
        ("row", "i4"),  # row of `step_run` in whose list it was put, NONE if it stands in none
        ("next", "i4"),  # neighbours there
        ("previous", "i4"),
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
