"""The compiled loop and one environment, beside what everybody knows."""

import gymnasium

from benchmarks import environments, queueing, simulation
from benchmarks.measure import interleave
from benchmarks.speed.parts import Report
from benchmarks.speed.rows import Bar, rate_rows, ratio

SIMPY, LOOP, EPISODE = "SimPy, customers of an M/M/8 queue at load 0.9", "compiled loop, turns", "the same with resets"
THROUGH, BACK = "under pressure, copies written through, turns", "under pressure, copies written back, turns"
CARTPOLE, ROUTING, NOTHING = "CartPole-v1, steps", "AgentSim/Routing-v1, steps", "do-nothing environment, steps"


def measure(rounds: int, quick: bool, report: Report) -> None:
    """See the module."""
    del quick
    tasks = {
        SIMPY: queueing.serve_customers,
        LOOP: simulation.default_scenario(include_reset=False),
        EPISODE: simulation.default_scenario(include_reset=True),
        THROUGH: simulation.under_pressure("write_through"),
        BACK: simulation.under_pressure("write_back"),
        CARTPOLE: environments.random_steps(gymnasium.make(environments.CARTPOLE)),
        ROUTING: environments.random_steps(gymnasium.make(environments.ROUTING)),
        NOTHING: environments.random_steps(environments.do_nothing()),
    }
    for rates in interleave(tasks, rounds):
        report(
            [
                *rate_rows(rates, "/ CPU s"),
                ratio(rates, LOOP, SIMPY, Bar(2.5), "compiled loop / SimPy"),
                ratio(rates, THROUGH, SIMPY, Bar(1.5), "under pressure, written through / SimPy"),
                ratio(rates, BACK, SIMPY, Bar(1.5), "under pressure, written back / SimPy"),
                ratio(rates, ROUTING, CARTPOLE, Bar(0.8), "AgentSim/Routing-v1 / CartPole-v1"),
            ]
        )
