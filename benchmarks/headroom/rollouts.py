"""What answers would have been best with the future known: at each decision every answer is tried to the end.

One level: after the answer that is tried the rules go on as they would. An episode is gone through once, and the rules
answer from each decision on as they do without a search (`Simulator.run` on a restored snapshot), so what is found is
never worse than they are.
"""

from typing import NamedTuple

import numpy as np

from agentsim_env import Scenario, Simulator
from agentsim_env.envs.rewards import episode_return


class Improved(NamedTuple):
    """An episode that rollouts have gone through.

    Attributes:
        rules_s: Cost by the rules.
        cost_s: Cost with the answers that were best.
        decisions: How many there were.
        changed: How many were answered otherwise than by the rule.
        rollouts: Ends of episodes that were played.
    """

    rules_s: float
    cost_s: float
    decisions: int
    changed: int
    rollouts: int


def improve(scenario: Scenario, kind: str, seed: int) -> Improved:
    """Go through an episode, with every answer to the decisions of one kind tried.

    Args:
        scenario: The scenario; its rules answer all else.
        kind: Kind of decision.
        seed: Seed of the workload.
    """
    simulator = Simulator(scenario, agent_kinds=(kind,))
    simulator.reset(seed)
    start = simulator.snapshot()
    simulator.run()
    rules_s = best_s = _cost_s(simulator)
    simulator.restore(start)
    decisions = changed = rollouts = 0
    while (decision := simulator.next_decision()) is not None:
        here = simulator.snapshot()
        chosen = decision.default
        for answer in np.flatnonzero(decision.mask):
            if answer == decision.default:
                continue
            simulator.restore(here)
            simulator.apply(int(answer))
            simulator.run()
            rollouts += 1
            cost_s = _cost_s(simulator)
            if cost_s < best_s:
                best_s, chosen = cost_s, int(answer)
        simulator.restore(here)
        simulator.apply(chosen)
        decisions += 1
        changed += chosen != decision.default
    return Improved(rules_s, best_s, decisions, changed, rollouts)


def _cost_s(simulator: Simulator) -> float:
    return -episode_return(simulator) * simulator.scenario.reward.unit_s
