"""The page of architecture speaks of files, functions and packages that exist, and leaves no package out."""

import re
from pathlib import Path

import pytest

from agentsim_env.scenario.registries import rules
from agentsim_env.scenario.rules import KINDS

ROOT = Path(__file__).resolve().parents[1]
ENGINE = ROOT / "agentsim_env" / "engine"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PICTURE = (ROOT / "docs" / "architecture.py").read_text(encoding="utf-8")
QUOTED = sorted(set(re.findall(r"`([^`\n]+)`", PAGE)))
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("agentsim_env", "envs", "training", "tests/reference")
    for path in (ROOT / folder).rglob("*.py")
)
WORDS = set(re.findall(r"\w+", SOURCES))
ROWS = re.findall(r"^\| .+ \| `(engine/\S+\.py)` \| (`.+`) \|$", PAGE, re.MULTILINE)


def is_there(path: str) -> bool:
    """Whether a path of the page leads somewhere; those of the engine are shortened, and modules may be packages."""
    return any((ROOT / start / f"{path}{end}").exists() for start in ("", "agentsim_env") for end in ("", ".py"))


@pytest.mark.parametrize("path", [name for name in QUOTED if re.fullmatch(r"[a-z_]+/[a-z_/]*(\.py)?", name)])
def test_every_path_exists(path: str) -> None:
    assert is_there(path)


@pytest.mark.parametrize("name", [name for name in QUOTED if re.fullmatch(r"[@A-Za-z_][\w.]*(\(.*\))?", name)])
def test_every_name_is_one_of_the_code(name: str) -> None:
    missing = set(re.findall(r"\w+", name)) - WORDS
    assert not missing


@pytest.mark.parametrize(("file", "functions"), ROWS)
def test_each_question_is_answered_where_the_table_says(file: str, functions: str) -> None:
    source = (ROOT / "agentsim_env" / file).read_text(encoding="utf-8")
    for function in re.findall(r"`(\w+)`", functions):
        assert f"\ndef {function}(" in source or f"\n{function} = " in source, function


def test_the_table_of_questions_is_read() -> None:
    assert len(ROWS) == PAGE.split("\n### Where is it decided?\n")[1].split("\n## ")[0].count("\n| ") - 1


def test_every_package_of_the_engine_is_on_the_map() -> None:
    packages = {path.parent.name for path in ENGINE.glob("*/__init__.py")}
    assert packages == set(re.findall(r"^\| `engine/(\w+)` \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize("path", sorted(set(re.findall(r"(?:engine|envs)/[a-z_/]+\.py", PICTURE))))
def test_every_file_of_the_picture_exists(path: str) -> None:
    assert is_there(path)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if len(rules(kind)) > 1])
def test_every_decision_is_in_the_picture(kind: str) -> None:
    assert f'"{kind}"' in PICTURE
