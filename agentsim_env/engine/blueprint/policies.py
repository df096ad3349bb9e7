"""Arrays of the trained policies that answer kinds of decision."""

import numpy as np

from agentsim_env.engine.blueprint.blueprint import Blueprint
from agentsim_env.engine.core.decisions import DECISIONS, KINDS
from agentsim_env.engine.core.scorer import workspace
from agentsim_env.engine.core.state.world import POLICY


def policy_arrays(blueprint: Blueprint) -> dict[str, np.ndarray]:
    """What they are, and what they compute in; empty where there are none."""
    rows = np.zeros(len(KINDS) if blueprint.policies else 0, POLICY)
    weights, most_numbers, most_work = [np.zeros(0, np.float32)], 0, 0
    for kind, (scorer, n_features) in blueprint.policies.items():
        n_answers = DECISIONS[kind].answers(blueprint)
        first, n_weights = sum(map(len, weights)), len(scorer.weights)
        rows[KINDS.index(kind)] = (
            scorer.form,
            scorer.width,
            scorer.allowed,
            n_answers,
            n_features,
            first,
            n_weights,
        )
        weights.append(scorer.weights)
        most_numbers = max(most_numbers, n_answers * n_features)
        most_work = max(most_work, len(workspace(scorer.form, n_answers, scorer.width)))
    return {
        "policy": rows,
        "policy_weights": np.concatenate(weights),
        "policy_rows": np.zeros(most_numbers, np.float32),
        "policy_work": np.zeros(most_work, np.float32),
    }
