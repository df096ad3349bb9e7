"""What a turn costs on larger clusters, for more programs, and with longer contexts."""

from typing import NamedTuple

from benchmarks import simulation
from benchmarks.measure import Rates, interleave
from benchmarks.simulation import Size
from benchmarks.speed.parts import Report
from benchmarks.speed.rows import Bar, Row, rate_rows, ratio
from benchmarks.speed.sizes import MOST_PROGRAMS, PER_INSTANCE

INSTANCES = (4, 16, 64, 256, 1024)
PROGRAMS = (1_000, 10_000, 100_000)
CONTEXTS = (8_192, 32_768, 131_072, 1_048_576)
TURNS = 16_000
"""Of a measurement, at least: small sizes are repeated."""

# Where programs stay at home a turn is as much work on 64 instances as on 4; spread by load alone, it is not: hits are
# found for 84 % of the prompt on 4 instances and for 49 % on 64, and the rest is computed and evicted again.
AT_HOME = "session_affinity"
WITHIN = Bar(1.5, at_least=False)


class Growth(NamedTuple):
    """Two sizes that are compared."""

    large: str
    small: str
    bar: Bar | None


def measure(rounds: int, quick: bool, report: Report) -> None:
    """See the module."""
    instances, programs, contexts = INSTANCES, PROGRAMS, CONTEXTS
    if quick:
        instances, programs, contexts = (4, 64), PROGRAMS[:2], CONTEXTS[::2]
    sizes = {
        **{on(n): cluster(n) for n in instances},
        **{at_home(n): cluster(n)._replace(route_turn=AT_HOME) for n in (4, 64)},
        **{served(n): sized(4, n) for n in programs if n != 4 * PER_INSTANCE},
    }
    tasks = {name: simulation.of_size(size) for name, size in sizes.items()}
    tasks |= {long(tokens): simulation.of_context(tokens) for tokens in contexts}
    growths = [
        Growth(on(64), on(4), WITHIN),
        Growth(at_home(64), at_home(4), WITHIN),
        Growth(served(programs[-1]), on(4), WITHIN),
        Growth(long(contexts[-1]), long(contexts[0]), None),
        *(Growth(on(n), on(4), None) for n in instances if n > 64),
    ]
    for rates in interleave(tasks, rounds):
        report([*rate_rows(rates, "turns / CPU s"), *(cost(rates, growth) for growth in growths)])


def cost(rates: Rates, growth: Growth) -> Row:
    """What a turn of the large size costs, over one of the small size."""
    return ratio(rates, growth.small, growth.large, growth.bar, f"cost of a turn, {growth.large} / {growth.small}")


def cluster(instances: int) -> Size:
    """A size where instances are varied."""
    return sized(instances, min(MOST_PROGRAMS, instances * PER_INSTANCE))


def sized(instances: int, programs: int) -> Size:
    """A size, repeated until it is long enough to be measured."""
    return Size(instances, programs, repeats=max(1, TURNS * 8 // (16 * programs)))


def on(instances: int) -> str:
    """Name of a number of instances."""
    return f"{instances:,} instances"


def at_home(instances: int) -> str:
    """The same with programs that stay where they are."""
    return f"{on(instances)}, {AT_HOME}"


def served(programs: int) -> str:
    """Name of a number of programs."""
    return f"{programs:,} programs"


def long(tokens: int) -> str:
    """Name of a length of contexts."""
    return f"contexts of {tokens // 1024:,} k tokens"
