"""The distribution, installed beside a project that has folders `envs`, `agents` and `training` of its own."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PROJECT = {
    "envs/__init__.py": "NAME = 'my environments'\n",
    "agents/__init__.py": "def first(features, info):\n    return 0\n",
    "training/__init__.py": "NAME = 'my training'\n",
    "tiny.yaml": """
extends: tool_chat
name: tiny
workload: {arrivals: {process: poisson, rate_per_s: 4.0}}
episode: {programs: 6, warmup_programs: 1}
""",
    "use.py": """
import json

import gymnasium

import agents, envs, training
import agentsim_env
from agentsim_env.training.cli import app

env = gymnasium.make("AgentSim/Routing-v1", scenario="tiny.yaml")
env.reset(seed=0)
over = False
while not over:
    _, _, terminated, truncated, _ = env.step(agents.first({}, {}))
    over = terminated or truncated

tiny = ["--hyper", "n_steps=32", "--hyper", "batch_size=32", "--hyper", "n_epochs=1", "--envs", "1", "--steps", "64"]
once = ["--validation-episodes", "1", "-q", "--out", "run"]
app(["train", "routing", "-s", "tiny.yaml", *tiny, *once], standalone_mode=False)
app(["evaluate", "-s", "tiny.yaml", "-a", "least_loaded,run,own=agents:first", "--seeds", "2"], standalone_mode=False)

found = {"file": agentsim_env.__file__, "version": agentsim_env.__version__, "mine": [envs.NAME, training.NAME]}
print(json.dumps(found))
""",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources: setuptools leaves files where it builds."""
    pytest.importorskip("setuptools", minversion="77", reason="without setuptools 77 no wheel can be built here")
    copy = tmp_path_factory.mktemp("sources")
    for folder in ("agentsim_env", "envs", "agents", "training"):
        shutil.copytree(ROOT / folder, copy / folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, copy)
    build = "from setuptools.build_meta import build_wheel; build_wheel('wheels')"
    subprocess.run([sys.executable, "-c", build], cwd=copy, check=True, capture_output=True)
    (built,) = (copy / "wheels").glob("*.whl")
    return built


def test_a_wheel_has_one_package_with_all_that_the_folders_hold(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"agentsim_env"}
    for folder in ("envs", "agents", "training"):
        files = [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".yaml")]
        assert {f"agentsim_env/{path.relative_to(ROOT).as_posix()}" for path in files} <= set(names)
    assert [name for name in names if name.endswith("py.typed")] == ["agentsim_env/py.typed"]


@pytest.mark.parametrize("is_file", [True, False])
def test_a_checkout_without_links_says_so(tmp_path: Path, is_file: bool) -> None:
    package = tmp_path / "agentsim_env"
    package.mkdir()
    for module in (ROOT / "agentsim_env").glob("*.py"):
        shutil.copy(module, package)
    if is_file:
        for name in ("agents", "envs", "training"):
            (package / name).write_text(f"../{name}")
    importing = [sys.executable, "-c", "import agentsim_env"]
    done = subprocess.run(importing, cwd=tmp_path, env=os.environ | {"PYTHONPATH": ""}, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"ImportError: {package / 'agents'} is no folder: these sources came without their symbolic" in done.stderr


def test_beside_a_project_with_folders_of_these_names_it_makes_trains_and_evaluates(
    wheel: Path, tmp_path: Path
) -> None:
    environment, project = tmp_path / "environment", tmp_path / "project"
    python = _installed(wheel, environment)
    for name, text in PROJECT.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([python, "use.py"], cwd=project, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert Path(found["file"]).is_relative_to(environment)
    assert wheel.name.startswith(f"agentsim_env-{found['version']}-")
    assert found["mine"] == ["my environments", "my training"]
    assert (project / "run" / "config.yaml").exists()
    assert " own " in done.stdout  # a row of the table of results


def _installed(wheel: Path, environment: Path) -> Path:
    """A fresh environment with the wheel and, for what it depends on, the packages of this one; its Python."""
    venv.create(environment, with_pip=True, symlinks=True)
    python = environment / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, capture_output=True)
    (site,) = environment.glob("lib/python*/site-packages")
    outer = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (site / "outer.pth").write_text("\n".join(outer) + "\n")
    return python
