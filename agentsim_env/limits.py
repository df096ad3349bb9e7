"""How large and how small numbers may be: each limit once, with its reason.

The schema of scenarios and the check of workloads read them here. What is beyond is refused with a sentence, before
memory is taken or the compiled engine begins: there it would overflow, never end, or give inf and NaN.
"""

LONGEST_S = 1e9
"""Any time, and the end of the clock: some 30 years. There a 64-bit float still tells times 0.12 µs apart, so that
every tick and every iteration moves the clock."""

LONGEST_ARRIVALS_S = 1e8
"""Programs of an episode over their mean rate of arrivals: the last may come ten times later before the clock ends."""

SHORTEST_PERIOD_S = 1e-3
"""Anything periodic: engines take about as long for an iteration, and nobody looks at them more often."""

MOST_TICKS = 200_000_000
"""Ticks of one kind in the longest time of an episode: some minutes of computing in which nothing else
happens."""

SHORTEST_MTBF_S = 1.0
"""Mean time between failures: engines take longer than that to start, and each failure is an event."""

MOST_INT32 = 2**31 - 1
"""Tokens of a context, and whatever else the engine counts in 32 bits."""

MOST_COUNT = 1_000_000_000
"""Counts for which no memory is taken (places of a server, tokens that a router remembers, KV blocks): two of them
added fit 32 bits."""

LARGEST = 1e9
"""Numbers without a unit, and weights: products and sums of them stay far from where floats lose what is added."""

SMALLEST = 1e-9
"""Numbers that must be above 0 and have no unit of their own: their inverse is at most `LARGEST`."""

MOST_PROGRAMS = 10_000_000
"""Programs of an episode: some kilobytes of memory each."""

MOST_TURNS = 50_000_000
"""Turns of all programs of an episode: some 400 bytes of memory each while they are drawn."""

MOST_TURNS_OF_A_PROGRAM = 1_000_000
"""Turns that a family may give a program."""

MOST_STEPS = 10_000_000
"""Steps of all societies of an episode: some 30 bytes of memory each, and each is an event."""

MOST_INSTANCES = 10_000
"""Instances of a cluster: routers look at each of them for each turn."""

MOST_GPUS = 1_024
"""GPUs of an instance."""

MOST_SEQS = 65_536
"""Turns in a batch: the engine keeps a table of latencies by their number."""

MOST_BATCHED_TOKENS = 10_000_000
"""Token budget of an iteration: the engine keeps a table of latencies by their number."""

MOST_PLACES = 100_000_000
"""Turns in the batches of all instances together, and counters of tokens in blocks: some 24 bytes of memory each."""

LONGEST_MODEL_TOKENS = 100_000_000
"""Longest context of an engine, ten times that of any model: pairs of tokens in a queue are counted in 64 bits."""

LARGEST_BLOCK_TOKENS = 65_536
"""Tokens of a KV block: the engine keeps a counter for each of them and each instance."""

MOST_CANDIDATES = 10_000
"""Candidates of a decision: each is a row of an observation."""

MOST_VARIANTS = 10_000
"""Agent configurations of a family: each has a prompt of its own that all its programs share."""

MOST_RETRIES = 1_000
"""Failed attempts of a call: back-offs double, and two to this power is still a number."""

MOST_GIB = 1e6
"""Memory of one kind: a pebibyte."""

MOST_GB_PER_S = 1e6
"""Bandwidth of a link: a petabyte a second."""

MOST_PER_S = 1e6
"""Arrivals of programs per second."""

LARGEST_CV = 100.0
"""Coefficient of variation of gaps between arrivals, and one over its least: beyond, gaps are 0 or nothing at all."""

LARGEST_LN_MEAN = 21.0
"""Mean of a logarithm, and minus its least: that of `LARGEST`, about."""

LARGEST_LN_SD = 10.0
"""Standard deviation of a logarithm: within one of them values differ by a factor of 22,000."""
