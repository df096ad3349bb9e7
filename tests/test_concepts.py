"""The page of concepts names every decision, and explains its words in few lines."""

import re
from pathlib import Path

import pytest

from agentsim_env.scenario.registries import rules
from agentsim_env.scenario.rules import KINDS

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = (DOCS / "concepts.md").read_text(encoding="utf-8")
DECISIONS = [kind for kind in KINDS if len(rules(kind)) > 1]


@pytest.mark.parametrize("kind", DECISIONS)
def test_every_decision_is_in_the_picture_and_in_the_table(kind: str) -> None:
    assert f'"{kind}"' in (DOCS / "concepts.py").read_text(encoding="utf-8")
    assert f"\n| `{kind}` |" in PAGE


def test_every_word_is_explained_in_few_lines() -> None:
    glossary = PAGE.split("\n## Glossary\n")[1]
    entries = re.findall(r"^\* \*\*(.+?)\*\*: (.+?)(?=\n\* |\n\n|\n?\Z)", glossary, re.DOTALL | re.MULTILINE)
    assert len(entries) == glossary.count("\n* ") >= 30
    for word, meaning in entries:
        assert len(meaning.split()) < 60, word
