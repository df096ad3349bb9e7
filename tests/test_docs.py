"""What the pages say of tables in the code."""

import re
from pathlib import Path

import pytest

from agentsim_env.engine.rules import RULE_PARAMS, RULES

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.mark.parametrize("rule", RULES["route_turn"])
def test_each_routing_rule_is_explained_with_its_parameters(rule: str) -> None:
    text = (DOCS / "routers.md").read_text()
    found = re.search(rf"\*\*`{rule}`\*\*.*?(?=\n\n(?:\*\*`|##)|\Z)", text, re.DOTALL)
    assert found, f"{rule} has no paragraph in docs/routers.md"
    shown = found[0].replace(",", "")
    for name, default in RULE_PARAMS["route_turn"].get(rule, {}).items():
        assert f"`{name}`" in shown or name in shown, f"{rule}: {name} is not explained"
        assert re.search(rf"(?<![\d.]){default:g}(?![\d])", shown), f"{rule}: the default of {name} is not {default:g}"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert (page.parent / link).exists(), link
    for path in re.findall(r"`((?:agentsim_env|envs|agents|training|tests|benchmarks)/[a-z0-9_./]+)`", text):
        assert (DOCS.parent / path).exists(), path
