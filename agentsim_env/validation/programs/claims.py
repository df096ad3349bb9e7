"""What published systems claim, and what comes out here: `claims.yaml`, each as a row."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from agentsim_env.load import prepare, with_rate
from agentsim_env.scenario import Scenario, load_scenario
from agentsim_env.simulator import Simulator

FILE = Path(__file__).parent / "claims.yaml"
SEEDS = range(4)
NOTHING = 0.03
"""A change that small counts as none."""


@dataclass(frozen=True)
class Claim:
    """A claim.

    Attributes:
        system: Who makes it.
        claim: What it says.
        scenario: Library scenario that it is tried on.
        what: Bundle or rules that it is about.
        than: What it is compared with, perhaps on another scenario.
        claimed: Lowest and highest ratio of the JCTs that it says.
        why: Why it does not agree.
    """

    system: str
    claim: str
    scenario: str
    what: dict[str, Any]
    than: dict[str, Any]
    claimed: tuple[float, float]
    why: str = ""


@dataclass(frozen=True)
class Tried:
    """A claim and its ratio here: mean JCT of `what` over that of `than`."""

    claim: Claim
    ratio: float

    @property
    def verdict(self) -> str:
        """How far it agrees: `size` (within the claimed range), `sign`, or `no`."""
        low, high = self.claim.claimed
        if low <= self.ratio <= high or (low > 1 - NOTHING and high < 1 + NOTHING and abs(self.ratio - 1) <= NOTHING):
            return "size"
        side = np.sign((low + high) / 2 - 1.0)
        return "sign" if side == np.sign(self.ratio - 1.0) and abs(self.ratio - 1.0) > NOTHING else "no"


def claims() -> tuple[Claim, ...]:
    """Every claim."""
    return tuple(
        Claim(**{**entry, "claimed": tuple(entry["claimed"])}) for entry in yaml.safe_load(FILE.read_text("utf-8"))
    )


def tried() -> list[Tried]:
    """Every claim with what comes out here."""
    return [Tried(claim, _jct_s(claim, claim.what) / _jct_s(claim, claim.than)) for claim in claims()]


def _jct_s(claim: Claim, side: dict[str, Any]) -> float:
    rules = tuple(sorted(side.get("rules", {}).items()))
    bundle = side.get("bundle", "agentservesim.stock")
    return _mean_jct_s(side.get("scenario", claim.scenario), bundle, rules)


@cache
def _mean_jct_s(scenario: str, bundle: str, rules: tuple[tuple[str, str], ...]) -> float:
    """Mean JCT over the seeds, with the arrivals of the scenario's own rules."""
    loaded = _loaded(scenario)
    simulator = Simulator(loaded, bundle=bundle, rules=dict(rules), source=prepare(loaded))
    means = []
    for seed in SEEDS:
        simulator.reset(seed)
        simulator.run()
        means.append(simulator.summary()["mean_jct_s"])
    return float(np.mean(means))


@cache
def _loaded(scenario: str) -> Scenario:
    return with_rate(load_scenario(scenario))
