"""The ids in Gymnasium's registry, and what importing the package costs."""

import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest
from gymnasium.envs.registration import EnvSpec, parse_env_id

from agentsim_env.registration import ENVIRONMENTS, register_environments

ROOT = Path(__file__).resolve().parents[1]


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_registering_twice_changes_nothing() -> None:
    before = dict(gymnasium.registry)
    register_environments()
    assert gymnasium.registry == before


@pytest.mark.parametrize("identifier", ENVIRONMENTS)
def test_specs_name_their_entry_point(identifier: str) -> None:
    """A class instead of its name could not be written as JSON."""
    spec = gymnasium.spec(identifier)
    assert spec.entry_point == ENVIRONMENTS[identifier]
    assert EnvSpec.from_json(spec.to_json()) == spec
    namespace, _, version = parse_env_id(identifier)
    assert namespace == "AgentSim"
    assert version is not None


@pytest.mark.parametrize("identifier", ENVIRONMENTS)
def test_a_module_prefix_is_enough_to_make_one(identifier: str) -> None:
    code = f"""
import gymnasium
overrides = [
    "workload.arrivals={{process: poisson, rate_per_s: 20.0}}",
    "episode={{programs: 40, warmup_programs: 1}}",
    "cluster.instances=[{{gpu: RTX 4090, count: 3, kv_blocks: 1000}}]",
    "cluster.tiers=[{{kind: dram, capacity_gib: 4, link_gb_per_s: 10.0}}]",
]
env = gymnasium.make("agentsim_env:{identifier}", scenario="tool_chat", overrides=overrides)
observation, info = env.reset(seed=0)
print(env.unwrapped.spec.id, observation.shape == env.observation_space.shape)
"""
    assert python(code).split() == [identifier, "True"]


def test_importing_the_package_imports_little() -> None:
    code = """
import sys, time
import gymnasium, numpy
began = time.process_time()
import agentsim_env
print(time.process_time() - began)
slow = ("torch", "stable_baselines3", "pandas", "matplotlib", "numba", "scipy")
print(*[name for name in slow if name in sys.modules])
"""
    seconds, loaded = python(code).split("\n")[:2]
    assert loaded == ""
    assert float(seconds) < 1.0


def test_simulating_imports_no_learning() -> None:
    code = """
import sys
from agentsim_env import Simulator
overrides = ["workload.arrivals={process: poisson, rate_per_s: 4.0}", "episode={programs: 6, warmup_programs: 1}"]
from agentsim_env import load_scenario
simulator = Simulator(load_scenario("tool_chat", overrides))
simulator.reset(seed=0)
simulator.run()
simulator.summary()
print(*[name for name in ("torch", "stable_baselines3", "pandas", "matplotlib", "envs") if name in sys.modules])
"""
    assert python(code).strip() == ""
