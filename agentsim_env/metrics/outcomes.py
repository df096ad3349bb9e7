"""How programs ended, and what that cost: figures that do not get better by serving fewer of them."""

import numpy as np

from agentsim_env.scenario.reward import Reward


def outcomes(done: np.ndarray, failed: np.ndarray, rejected: np.ndarray) -> dict[str, float]:
    """How many programs ended how.

    Args:
        done: Which programs are done, `bool [programs]`.
        failed: Which have failed, likewise.
        rejected: Which were rejected, likewise.
    """
    counts = {"done": int(done.sum()), "failed": int(failed.sum()), "rejected": int(rejected.sum())}
    ended = sum(counts.values())
    figures = {"programs": float(len(done)), **{f"programs_{how}": float(n) for how, n in counts.items()}}
    figures["programs_unfinished"] = float(len(done) - ended)
    return figures | ({"unserved_share": 1.0 - counts["done"] / ended} if ended else {})


def mean_cost_s(
    arrival_s: np.ndarray, end_s: np.ndarray, gap_s: np.ndarray, unserved: np.ndarray, reward: Reward
) -> dict[str, float]:
    """What the default reward charges a program with, in seconds: time in the system, and a charge if it is not served.

    Where all programs have ended it is minus the return of the default reward, times `reward.unit_s`.

    Args:
        arrival_s: Arrivals of programs that have ended.
        end_s: When they ended.
        gap_s: Time in which they neither waited nor were served.
        unserved: Which of them failed or were rejected.
        reward: Says whether gaps count, and what the charge is.
    """
    if len(end_s) == 0:
        return {}
    in_system_s = end_s - arrival_s - (0.0 if reward.count_gaps else gap_s)
    return {"mean_cost_s": float((in_system_s + reward.reject_penalty_s * unserved).mean())}
