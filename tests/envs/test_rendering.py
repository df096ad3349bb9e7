"""Pictures of the cluster."""

import numpy as np

from agentsim_env.envs.rendering import ansi, rgb_array
from agentsim_env.envs.routing import RoutingEnv
from tests.small import PLAIN, small


def test_text_names_instances_and_their_state() -> None:
    env = RoutingEnv(small("faulty"), **PLAIN)
    env.reset(seed=0)
    for _ in range(20):
        env.step(0)
    head, columns, *rows = ansi(env.simulator).splitlines()
    assert head.startswith(f"t = {env.simulator.now:10.3f} s")
    assert columns.split()[:4] == ["instance", "state", "waiting", "running"]
    assert [row.split()[1] for row in rows] == ["H200", "L40S", "H100", "A100"]
    assert rows[3].split()[2] == "down"
    assert rows[0].split()[2] in ("busy", "idle", "down")


def test_text_shows_the_cache() -> None:
    env = RoutingEnv(small("tight"), **PLAIN)
    env.reset(seed=0)
    for _ in range(60):
        env.step(0)
    first, second = ansi(env.simulator).splitlines()[2:]
    bar = first[first.index("[") + 1 : first.index("]")]
    assert len(bar) == 24
    assert bar.strip("#- ") == ""
    assert bar.count("#") + bar.count("-") > 12
    assert "#" not in second, "nothing has been sent there since the warm-up"


def test_picture_changes_with_the_cluster() -> None:
    env = RoutingEnv(small("equal"), **PLAIN)
    env.reset(seed=0)
    before = rgb_array(env.simulator)
    for _ in range(30):
        env.step(0)
    after = rgb_array(env.simulator)
    assert before.shape == after.shape
    assert before.dtype == np.uint8
    assert not np.array_equal(before, after)
