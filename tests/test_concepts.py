"""The page of concepts: its picture is what its command draws, and it names every decision."""

import re
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from agentsim_env.scenario.registries import rules
from agentsim_env.scenario.rules import KINDS

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
DECISIONS = [kind for kind in KINDS if len(rules(kind)) > 1]


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    """The script that draws the picture."""
    spec = spec_from_file_location("concepts", ROOT / "docs" / "concepts.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_the_same_on_every_run(drawing: ModuleType) -> None:
    assert drawing.draw() == drawing.draw()


def test_the_picture_is_what_its_command_draws(drawing: ModuleType) -> None:
    pinned = re.search(r"^matplotlib==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    if version("matplotlib") != pinned[1]:
        pytest.skip(f"the picture was drawn with matplotlib {pinned[1]}, here is {version('matplotlib')}")
    assert drawing.PICTURE.read_bytes() == drawing.draw(), "write it again: python docs/concepts.py"


@pytest.mark.parametrize("kind", DECISIONS)
def test_every_decision_is_in_the_picture_and_in_the_table(drawing: ModuleType, kind: str) -> None:
    assert f'"{kind}"' in Path(drawing.__file__ or "").read_text(encoding="utf-8")
    assert f"\n| `{kind}` |" in PAGE


def test_every_word_is_explained_in_few_lines() -> None:
    glossary = PAGE.split("\n## Glossary\n")[1]
    entries = re.findall(r"^\* \*\*(.+?)\*\*: (.+?)(?=\n\* |\n\n|\n?\Z)", glossary, re.DOTALL | re.MULTILINE)
    assert len(entries) == glossary.count("\n* ") >= 30
    for word, meaning in entries:
        assert len(meaning.split()) < 60, word
