"""Small scenarios, with a rate instead of a load so that no capacity has to be measured, and agents for them."""

from typing import Any

import numpy as np

from agentsim_env import Scenario, Simulator, load_scenario
from agentsim_env.envs.decision_env import DecisionEnv

SMALL: dict[str, dict[str, Any]] = {
    "equal": {
        "extends": "tool_chat",
        "cluster": {"instances": [{"gpu": "H100", "count": 3}]},
        "workload": {"arrivals": {"process": "poisson", "rate_per_s": 4.0}},
        "episode": {"programs": 12, "warmup_programs": 2},
    },
    # Little memory and long contexts: evictions, preemptions, and programs that fit on no instance.
    "tight": {
        "extends": "coding_agents",
        "cluster": {"instances": [{"gpu": "H100", "count": 2, "kv_blocks": 3000, "max_num_seqs": 8}]},
        "workload": {"arrivals": {"process": "gamma", "cv": 3.0, "rate_per_s": 2.0}},
        "reward": {"reject_penalty_s": 300.0},
        "episode": {"programs": 24, "warmup_programs": 3},
    },
    # Instances that differ, start late and fail, behind a router that sees them late; users who wait for their answers.
    "faulty": {
        "extends": "tool_chat",
        "cluster": {
            "view_delay_s": 0.5,
            "instances": [
                {"gpu": "H200", "failures": [{"at_s": 6.0, "down_s": 5.0}, {"at_s": 30.0, "down_s": 1.0}]},
                {"gpu": "L40S", "start_s": 4.0},
                {"gpu": "H100", "failures": [{"at_s": 8.0, "down_s": 2.0}]},
                {"gpu": "A100", "start_s": 100_000.0},
            ],
        },
        "workload": {"arrivals": {"process": "closed_loop", "users": 12, "think_time_s": 2.0}},
        "episode": {"programs": 24, "warmup_programs": 0},
    },
    # Programs that fan out and join, whose tools have queues and fail.
    "graphs": {
        "extends": "coding_agents",
        "cluster": {"frontend_s": 0.0, "instances": [{"gpu": "H100", "count": 2}, {"gpu": "A100"}]},
        "workload": {
            "mix": [{"family": "subagents"}],
            "arrivals": {"process": "poisson", "rate_per_s": 1.0},
            "tools": {"shell": {"concurrency": 2, "failure_probability": 0.2, "max_retries": 2, "backoff_s": 0.5}},
        },
        "reward": {"unit_s": 7.0},
        "episode": {"programs": 12, "warmup_programs": 1},
    },
    # Prefill and decode apart; an instance of either kind fails.
    "apart": {
        "extends": "coding_agents",
        "cluster": {
            "peer_link": {},
            "instances": [
                {"gpu": "H100", "mode": "prefill", "failures": [{"at_s": 4.0, "down_s": 3.0}]},
                {"gpu": "H100", "mode": "prefill", "kv_blocks": 6000},
                {"gpu": "H100", "mode": "decode", "failures": [{"at_s": 8.0, "down_s": 2.0}]},
                {"gpu": "H100", "mode": "decode", "kv_blocks": 6000},
            ],
        },
        "workload": {"arrivals": {"process": "poisson", "rate_per_s": 4.0}},
        "episode": {"programs": 12, "warmup_programs": 1},
    },
    # Ends in the middle of everything.
    "cut": {
        "extends": "tool_chat",
        "workload": {"arrivals": {"process": "poisson", "rate_per_s": 4.0}},
        "episode": {"programs": 40, "warmup_programs": 4, "time_limit_s": 12.0},
    },
}
"""Values of scenarios, by name."""


DRAWN: dict[str, Any] = {
    "workload.arrivals.rate_per_s": {"uniform": [2.0, 6.0]},
    "cluster.view_delay_s": {"choice": [0, 0.5]},
    "cluster.instances.0.count": {"uniform": [2, 4]},
    "cluster.instances.*.gpu": {"choice": ["H100", "L40S"]},
    "cluster.instances.*.kv_blocks": {"log_uniform": [2000, 8000]},
}
"""Draws for the scenario `equal`, by path."""


PLAIN: dict[str, Any] = {"split": None, "reward_scale": 1.0}
"""Arguments of an environment whose seeds are those of a simulator, and whose return is minus the mean itself."""


def small(name: str, overrides: dict[str, Any] | None = None) -> Scenario:
    """A scenario of `SMALL`, with some values changed."""
    return load_scenario(SMALL[name], overrides or {})


def drawn(overrides: dict[str, Any] | None = None) -> Scenario:
    """The scenario `equal` with `DRAWN`, with some values changed."""
    return load_scenario(SMALL["equal"] | {"randomize": DRAWN}, overrides or {})


def play(env: DecisionEnv, seed: int, *, illegal: bool = False) -> tuple[list[float], dict[str, Any]]:
    """An episode of random actions, legal ones unless `illegal`; its rewards and the last info."""
    rng = np.random.default_rng(seed)
    _, info = env.reset(seed=seed)
    rewards, over = [], False
    while not over:
        mask = np.ones_like(info["action_mask"]) if illegal else info["action_mask"]
        _, reward, terminated, truncated, info = env.step(rng.choice(np.flatnonzero(mask)))
        rewards.append(reward)
        over = terminated or truncated
    return rewards, info


def answer_at_random(simulator: Simulator, rng: np.random.Generator, most: int = 1 << 30) -> list[int]:
    """Answer up to `most` decisions with random legal actions; the actions."""
    actions: list[int] = []
    while len(actions) < most and (decision := simulator.next_decision()) is not None:
        actions.append(int(rng.choice(np.flatnonzero(decision.mask))))
        simulator.apply(actions[-1])
    return actions
