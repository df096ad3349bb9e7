"""Random small clusters and workloads, made to press on memory, on ties and on everything that can interrupt a run."""

from tests.engine.random_scenarios.knobs import KNOBS, TICK_S, Knobs, knobs_of
from tests.engine.random_scenarios.scenario import build

__all__ = ["KNOBS", "TICK_S", "Knobs", "build", "knobs_of"]
