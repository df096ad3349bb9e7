"""Whatever stands in a scenario, it is valid or a ScenarioError says what is wrong."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from agentsim_env.scenario import ScenarioError, load_scenario

FULL: dict[str, Any] = {
    "cluster": {
        "model": "Llama-3.1-8B",
        "instances": [{"gpu": "H100", "count": 2, "failures": [{"at_s": 1.0, "down_s": 1.0}]}],
        "router_tree": {"capacity_tokens": 10},
    },
    "workload": {
        "mix": [{"family": "talk", "params": {"turns": 3, "sizes": {"a": 1}}}],
        "arrivals": {"process": "gamma", "cv": 2.0, "load": 0.9},
        "tools": {"shell": {"concurrency": 1}},
    },
    "rules": {"route_turn": "session_affinity", "rule_params": {"route_turn": {"threshold": 0.5}}},
    "reward": {"terms": {"ttft": 1.0}},
    "episode": {"programs": 8},
    "slo": {"ttft_s": 1.0},
}
JUNK = [
    *(None, 0, -1, 1.5, 10**40, True, "", "x", b"x", float("nan"), float("inf")),
    *([], {}, [1], [[]], [{}], {"a": 1}, {1: 2}, {"process": "poisson"}, {"process": []}, {"family": "talk"}),
]


def places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yields each mapping or list in the data with each of its keys, and with a new one."""
    if not isinstance(data, dict | list):
        return
    for key in list(data) if isinstance(data, dict) else range(len(data)):
        yield data, key
        yield from places(data[key])
    if isinstance(data, dict):
        yield data, "new"


@pytest.mark.usefixtures("known_names")
@pytest.mark.parametrize("seed", range(5))
def test_junk_is_refused_with_the_right_error(seed: int) -> None:
    chance = random.Random(seed)
    refused = 0
    for _ in range(200):
        data = copy.deepcopy(FULL)
        for _ in range(chance.choice([1, 1, 2])):
            holder, key = chance.choice(list(places(data)))
            holder[key] = copy.deepcopy(chance.choice(JUNK))
        try:
            load_scenario(data)
        except ScenarioError as error:
            refused += 1
            assert all(line.startswith("scenario: ") for line in str(error).splitlines())
    assert refused > 100


@pytest.mark.usefixtures("known_names")
def test_without_junk_it_is_valid() -> None:
    load_scenario(FULL)
