"""What an admission agent sees is what the records of the episode say about that moment."""

from typing import Any

import numpy as np
import pytest

from agentsim_env.engine.core.decisions import ADMIT, HOLD, REJECT
from agentsim_env.engine.core.state import ACTIVE, DONE
from agentsim_env.envs.admission import AdmissionEnv
from agentsim_env.envs.admission_features import FEATURES
from tests.small import small


def watch(name: str, overrides: dict[str, Any] | None = None, seed: int = 0) -> tuple[list[dict[str, Any]], Any]:
    """Every decision of an episode of random answers: the features, and what the state says."""
    env = AdmissionEnv(small(name, overrides))
    rng = np.random.default_rng(seed)
    observation, info = env.reset(seed=seed)
    seen: list[dict[str, Any]] = []
    over = False
    while not over:
        state, rows = env.simulator.state, observation.reshape(env.candidate_shape)
        run = state.program_run
        world = state.world[0]
        moment = {
            "now_s": env.simulator.now,
            "program": int(world["asked_program"]),
            "mask": info["action_mask"],
            "inside": int((run["state"] == ACTIVE).sum()),
            "inside_tokens": int(run["context_tokens"][run["state"] == ACTIVE].sum()),
            "done_tokens": int(run["context_tokens"][run["state"] == DONE].sum()),
            "n_done": int((run["state"] == DONE).sum()),
            "world": (int(world["inside_tokens"]), int(world["done_tokens"])),
            "rows": rows,
        }
        seen.append(moment)
        action = int(rng.choice(np.flatnonzero(info["action_mask"])))
        moment["action"] = action
        observation, _, over, _, info = env.step(action)
    return seen, env


def column(moment: dict[str, Any], name: str) -> float:
    values = moment["rows"][:, FEATURES.index(name)]
    assert (values == values[0]).all(), name
    return float(values[0])


def squash(x: float, scale: float) -> float:
    return x / (x + scale)


@pytest.mark.parametrize("name", ["tight", "graphs", "faulty"])
def test_contexts_are_counted_as_they_are(name: str) -> None:
    seen, _ = watch(name)
    assert len(seen) > 10
    for moment in seen:
        assert moment["world"] == (moment["inside_tokens"], moment["done_tokens"])


def test_the_program_and_those_inside() -> None:
    seen, env = watch("tight")
    records = env.simulator.records()
    turns, capacity = records.turns, 2 * 3000 * 16
    held: set[int] = set()
    for moment in seen:
        p = moment["program"]
        prompt = float(turns["prompt_tokens"][turns["program"] == p][0])
        expected = max(prompt, moment["done_tokens"] / moment["n_done"]) if moment["n_done"] else prompt
        wanted = {
            "is_held": float(p in held),
            "age_s": squash(moment["now_s"] - records.programs["arrival_s"][p], 60.0),
            "prompt_tokens": squash(prompt, 30_000.0),
            "expected_share": squash(expected / capacity, 0.1),
            "inside": squash(moment["inside"] / 2, 16.0),
            "inside_share": squash(moment["inside_tokens"] / capacity, 1.0),
            "held": squash(len(held) / 2, 4.0),
            "slack_s": 1.0,
        }
        headroom = 1.0 - (moment["inside_tokens"] + expected) / capacity
        wanted["headroom_share"] = headroom / (abs(headroom) + 0.5)
        for name, value in wanted.items():
            assert column(moment, name) == pytest.approx(value, abs=1e-6), name
        if moment["action"] == HOLD:
            held.add(p)
        else:
            held.discard(p)
    assert any(moment["inside_tokens"] > capacity / 2 for moment in seen)


def test_rows_say_what_they_answer() -> None:
    seen, _ = watch("tight")
    for moment in seen:
        flags = moment["rows"][:, [FEATURES.index(f"is_{answer}") for answer in ("admit", "hold", "reject")]]
        assert np.array_equal(flags, np.eye(3))
        assert np.array_equal(moment["rows"][:, 0], moment["mask"])
    assert (ADMIT, HOLD, REJECT) == (0, 1, 2)


def test_memory_in_use_is_that_of_the_cluster() -> None:
    seen, _ = watch("tight")
    for moment in seen:
        locked, fullest = column(moment, "cluster_locked_share"), column(moment, "fullest_locked_share")
        assert 0.0 <= locked <= fullest + 1e-6
        assert locked + column(moment, "cached_share") <= 1.0 + 1e-6
    assert max(column(moment, "fullest_locked_share") for moment in seen) > 0.8
