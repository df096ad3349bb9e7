"""Societies, steps and reports for programs that go their own way otherwise."""

import numpy as np

from agentsim_env.workload.programs import REPORT, Programs
from tests.engine.random_scenarios.knobs import TICK_S, Knobs


def with_societies(knobs: Knobs, programs: Programs, rng: np.random.Generator) -> Programs:
    """Most programs are in one of some societies, and most of their turns stand in steps; they report at random."""
    n = len(programs.program)
    programs.program["society"] = np.where(rng.random(n) < 0.8, rng.integers(0, knobs.societies, n), -1)
    programs.program["adapter"] = rng.integers(-1, 3, n)
    programs.turn["step"] = random_steps(programs, rng)
    lengths = tuple(float(rng.choice([0, 0, 4, 40])) * TICK_S for _ in range(knobs.societies))
    return programs._replace(report=random_reports(programs, rng), step_s=lengths)


def random_steps(programs: Programs, rng: np.random.Generator) -> np.ndarray:
    """No turn comes before one that it waits for; some steps are empty, and some turns stand in none."""
    turn, in_steps = programs.turn, programs.program["society"][programs.turn["program"]] >= 0
    apart = int(rng.integers(1, 4))
    latest, steps = np.zeros(len(turn), int), np.full(len(turn), -1)
    for t, row in enumerate(turn):
        latest[t] += rng.integers(0, apart + 1)
        if in_steps[t] and rng.random() < 0.8:
            steps[t] = latest[t]
        for edge in range(row["first_edge"], row["first_edge"] + row["n_edges"]):
            target = programs.edge["target"][edge]
            latest[target] = max(latest[target], latest[t])
    return steps


def random_reports(programs: Programs, rng: np.random.Generator) -> np.ndarray:
    """After about every other turn, and in some steps."""
    rows = [
        (float(rng.integers(0, 9)) if rng.random() < 0.7 else float(rng.exponential(1.0)), owner, -1, t)
        for t, owner in enumerate(programs.turn["program"].tolist())
        if rng.random() < 0.5
    ]
    for program in np.flatnonzero(programs.program["society"] >= 0).tolist():
        for _ in range(rng.integers(0, 4)):
            step = int(rng.integers(0, 6))
            rows.append((float(step + rng.integers(0, 5)), program, step, -1))
    return np.array([rows[i] for i in rng.permutation(len(rows))], REPORT)
