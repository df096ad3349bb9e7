"""The yardstick of a Python user who simulates: SimPy and an M/M/8 queue."""

import random
from collections.abc import Generator

import simpy

from benchmarks.measure import stopwatch

SERVERS = 8
LOAD = 0.9
CUSTOMERS = 20_000


def serve_customers() -> tuple[float, float]:
    """An M/M/8 queue at load 0.9 as SimPy's documentation would write it; customers, CPU seconds."""
    watch = stopwatch()
    served = simulate(CUSTOMERS, random.Random(0))
    return served, watch()


def simulate(customers: int, rng: random.Random) -> int:
    """Serves `customers` customers; returns how many."""
    env = simpy.Environment()
    servers = simpy.Resource(env, capacity=SERVERS)
    served: list[float] = []

    def customer() -> Generator[simpy.Event, None, None]:
        with servers.request() as turn:
            yield turn
            yield env.timeout(rng.expovariate(1.0))
        served.append(env.now)

    def arrivals() -> Generator[simpy.Event, None, None]:
        for _ in range(customers):
            yield env.timeout(rng.expovariate(SERVERS * LOAD))
            env.process(customer())

    env.process(arrivals())
    env.run()
    return len(served)
