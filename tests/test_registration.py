"""The ids in Gymnasium's registry, and what importing the package costs."""

import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec, namespace, parse_env_id
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv

from agentsim_env.registration import ENVIRONMENTS, name_of, register_environments

ROOT = Path(__file__).resolve().parents[1]

SMALL: dict[str, Any] = {
    "scenario": "tool_chat",
    "overrides": [
        "workload.arrivals={process: poisson, rate_per_s: 20.0}",
        "episode={programs: 40, warmup_programs: 1}",
        "cluster.instances=[{gpu: RTX 4090, count: 2, kv_blocks: 1000},"
        " {gpu: RTX 4090, kv_blocks: 1000, mode: two_lanes}]",
        "decisions.control_period_s=0.05",
        "cluster.tiers=[{kind: dram, capacity_gib: 4, link_gb_per_s: 10.0}]",
    ],
}


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_registering_twice_changes_nothing() -> None:
    before = dict(gymnasium.registry)
    register_environments()
    assert gymnasium.registry == before


def test_the_entry_point_registers_the_same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a reader of the group `gymnasium.envs` calls it: in the namespace that the entry point is named after."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    group = project["entry-points"]["gymnasium.envs"]
    registered = {name: spec for name, spec in gymnasium.registry.items() if name in ENVIRONMENTS}
    for name in registered:
        monkeypatch.delitem(gymnasium.registry, name)
    for name, value in group.items():
        with namespace(name):
            EntryPoint(name, value, "gymnasium.envs").load()()
    assert {name: spec for name, spec in gymnasium.registry.items() if name in ENVIRONMENTS} == registered


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_that_start_anew_find_the_ids(method: str) -> None:
    """Gymnasium sends its workers a spec; Stable-Baselines3 sends the id, so that says where it is from."""
    vector: Any = gymnasium.make_vec(
        "AgentSim/Routing-v1",
        num_envs=1,
        vectorization_mode="async",
        vector_kwargs={"context": method, "shared_memory": False},
        **SMALL,
    )
    observations, _ = vector.reset(seed=3)
    vector.close()
    vec_env = make_vec_env(
        "agentsim_env:AgentSim/Routing-v1",
        env_kwargs=SMALL,
        seed=3,
        vec_env_cls=SubprocVecEnv,
        vec_env_kwargs={"start_method": method},
    )
    assert np.array_equal(np.asarray(vec_env.reset()), observations)
    assert vec_env.env_method("action_masks")[0].all()
    vec_env.close()


@pytest.mark.parametrize("identifier", ENVIRONMENTS)
def test_specs_name_their_entry_point(identifier: str) -> None:
    """A class instead of its name could not be written as JSON."""
    spec = gymnasium.spec(identifier)
    assert spec.entry_point == ENVIRONMENTS[identifier]
    assert EnvSpec.from_json(spec.to_json()) == spec
    namespace, _, version = parse_env_id(identifier)
    assert namespace == "AgentSim"
    assert version is not None


def test_a_module_prefix_is_enough_to_make_each() -> None:
    code = f"""
import gymnasium
for identifier in {list(ENVIRONMENTS)}:
    env = gymnasium.make("agentsim_env:" + identifier, **{SMALL})
    observation, info = env.reset(seed=0)
    print(env.unwrapped.spec.id, observation.shape == env.observation_space.shape)
"""
    assert python(code).splitlines() == [f"{identifier} True" for identifier in ENVIRONMENTS]


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
learning = ("torch", "stable_baselines3", "pandas", "matplotlib", "agentsim_env.envs")
print(*[name for name in learning if name in sys.modules])
"""
    assert python(code).strip() == ""


def test_the_command_line_has_words_where_the_id_has_capitals() -> None:
    assert name_of("AgentSim/PrefillBudget-v1") == "prefill_budget"
    assert name_of("AgentSim/Routing-v1") == "routing"
    assert len({name_of(identifier) for identifier in ENVIRONMENTS}) == len(ENVIRONMENTS)
