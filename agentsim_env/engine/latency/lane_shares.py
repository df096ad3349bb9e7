"""The two lanes of an instance: the share of the GPU that each works on, and how fast it is there.

`agentsim_env.hardware.lanes` has the constants and their sources.
"""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.latency.iteration_time import DENSE, PER_SEQ, PREFILL, PREFILL_PER_CACHED


@compiled
def _prefill_demand(state, i):
    """Share of the SMs that the chunk in the prefill lane could fill."""
    lanes = state.lanes[i]
    return min(1.0, state.slot[lanes.prefilling].chunk / lanes.saturating_tokens)


@compiled
def decode_share(state, i):
    """Share of the SMs that the decode lane has if it works now."""
    lanes = state.lanes[i]
    if lanes.partition:
        alone = lanes.work_conserving and lanes.prefilling == NONE
        return 1.0 if alone else lanes.decode_slot / lanes.slots
    if lanes.prefilling == NONE:
        return 1.0
    return lanes.decode_demand / (lanes.decode_demand + _prefill_demand(state, i))


@compiled
def prefill_share(state, i):
    """Share of the SMs that the prefill lane has, which works now."""
    lanes = state.lanes[i]
    if lanes.partition:
        alone = lanes.work_conserving and not state.instance[i].running
        return 1.0 if alone else (lanes.slots - lanes.decode_slot) / lanes.slots
    if not state.instance[i].running:
        return 1.0
    demand = _prefill_demand(state, i)
    return demand / (lanes.decode_demand + demand)


@compiled
def throughput(state, share):
    """Throughput of prefills on a share of the SMs over that on all of them: linear between measured shares."""
    points = state.prefill_throughput
    at = share * (len(points) - 1)
    k = min(int(at), len(points) - 2)
    return points[k] + (points[k + 1] - points[k]) * (at - k)


@compiled
def chunk_alone_s(state, i, tokens, cached_tokens):
    """Time of an iteration of the prefill lane on all SMs: one chunk and nothing else."""
    instance = state.instance[i]
    row = state.by_tokens[instance.profile, tokens]
    profile = state.profile[instance.profile]
    base_s = row[DENSE] + state.by_seqs[instance.profile, 1, PER_SEQ]
    attention_s = row[PREFILL] + row[PREFILL_PER_CACHED] * cached_tokens
    serial_s = base_s + profile.serial_mixed_s * (tokens + cached_tokens)
    cpu_s = profile.cpu_s + profile.cpu_per_seq_s + profile.cpu_per_token_s * tokens
    return profile.overhead_s + max(base_s + attention_s, serial_s, cpu_s) + profile.chunk_overhead_s


@compiled
def _merged_tokens(state, i):
    """Prefill tokens of the iteration that the decode lane begins."""
    tokens, s = 0, state.instance[i].prefill_head
    while s != NONE:
        tokens += state.slot[s].chunk
        s = state.slot[s].prefill_next
    return tokens


@compiled
def beside_prefill(state, i, share):
    """How much longer a decode step takes beside a prefill lane that works on a share of the SMs.

    It takes bandwidth: it reads the weights once an iteration.
    """
    lanes = state.lanes[i]
    return 1.0 + lanes.interference * min(1.0, lanes.floor_s * throughput(state, share) / lanes.chunk_s)


@compiled
def on_share(lanes, share):
    """How much longer a decode step takes on a share of the SMs than on all of them.

    A smooth maximum of what memory limits of an iteration and what the SMs limit, which goes with 1 / share.
    """
    p = lanes.sharpness
    return ((1.0 + (lanes.sm_limited / share) ** p) / (1.0 + lanes.sm_limited**p)) ** (1.0 / p)


@compiled
def slow_down(state, i, share):
    """The run that the decode lane begins takes longer on a share of the SMs, and beside the prefill lane.

    On top of what a decode step takes longer the compute of the resume prefills in it, which goes with the throughput
    of prefills. What is added to an iteration does not depend on where the run began.
    """
    lanes, instance = state.lanes[i], state.instance[i]
    if share < 1.0:
        slower = on_share(lanes, share)
        compute_s = lanes.token_s * _merged_tokens(state, i)
        instance.run_first_s = slower * instance.run_first_s + compute_s * (1.0 / throughput(state, share) - 1.0)
        instance.run_slope_s *= slower
    if lanes.prefilling != NONE:
        slower = beside_prefill(state, i, prefill_share(state, i))
        instance.run_first_s *= slower
        instance.run_slope_s *= slower


@compiled
def note_share(state, i, seconds):
    """The decode lane has worked for so long on the share that it is bound to; the nearest slot is charged."""
    lanes = state.lanes[i]
    state.slot_s[i, int(lanes.decode_bound * lanes.slots + 0.5)] += seconds
