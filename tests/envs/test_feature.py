"""Features are declared once: columns, scales, bounds and the tables of the pages follow from that."""

import inspect
import math
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from agentsim_env import envs
from agentsim_env.envs.docstring import documented
from agentsim_env.envs.feature import Feature, FeatureTable
from agentsim_env.envs.instance_context import INSTANCE_CONTEXT
from agentsim_env.envs.routing import RoutingEnv
from agentsim_env.registration import ENVIRONMENTS, page

ROOT = Path(__file__).resolve().parents[2]

DECLARING = [
    import_module(f"agentsim_env.envs.{path.stem}")
    for path in sorted(Path(envs.__file__ or "").parent.glob("*.py"))
    if path.stem.endswith("_features") or path.stem == "instance_context"
]


def small_table() -> FeatureTable:
    table = FeatureTable()
    assert table.flag("is_home", "it served the last turn") == 0
    assert table.amount("uncached_tokens", "to be computed", 4000.0) == 1
    assert table.difference("slack_s", "time to the deadline", 60.0, "s") == 2
    assert table.share("hit_share", "what is cached") == 3
    return table


def test_columns_are_counted_in_the_order_of_declaration() -> None:
    table = small_table()
    assert len(table) == 4
    assert table.names == ("is_home", "uncached_tokens", "slack_s", "hit_share")
    assert [table.index(name) for name in table.names] == [0, 1, 2, 3]


def test_scales_and_bounds_are_those_declared() -> None:
    table = small_table()
    assert table.scales[1:3] == (4000.0, 60.0)
    assert math.isnan(table.scales[0]), "a forgotten scale shows in every observation"
    assert math.isnan(table.scales[3])
    assert [(feature.low, feature.high) for feature in table] == [(0, 1), (0, 1), (-1, 1), (0, 1)]
    assert table.bounds == (-1.0, 1.0)


def test_a_table_takes_in_another_one() -> None:
    table = FeatureTable()
    table.flag("allowed", "the answer is legal")
    assert table.extend(small_table()) == 1
    assert table.names == ("allowed", *small_table().names)


def test_no_name_is_declared_twice() -> None:
    with pytest.raises(ValueError, match="'hit_share' is declared twice"):
        small_table().add(Feature("hit_share", "again"))


@pytest.mark.parametrize("module", DECLARING, ids=lambda module: module.__name__.rpartition(".")[2])
def test_the_constant_of_a_column_has_the_name_of_its_feature(module: ModuleType) -> None:
    table = getattr(module, "FEATURES", INSTANCE_CONTEXT)
    constants = {name: getattr(module, name.upper(), None) for name in table.names}
    shared = INSTANCE_CONTEXT.names if hasattr(module, "INSTANCE_AT") else ()
    assert [name for name, column in constants.items() if column is None] == list(shared)
    assert all(column in (None, table.index(name)) for name, column in constants.items())


def test_a_docstring_is_completed_line_by_line() -> None:
    class Home(RoutingEnv):
        """Home.

        {features}

        {arguments}
        | `more` | int | `0` | a row of its own |

        A line with {features} stays.
        """

    text = inspect.getdoc(documented(small_table())(Home)) or ""
    assert "\n| 1 | uncached_tokens | to be computed | 4,000 | 0 | 1 |\n" in text
    assert "\n| 2 | slack_s | time to the deadline | 60 s | -1 | 1 |\n" in text
    assert '`"coding_agents"`' in text
    assert "None: from all |\n| `more`" in text
    assert "A line with {features} stays." in text


def test_a_docstring_that_names_what_is_not_there_is_an_error() -> None:
    class Wrong(RoutingEnv):
        """{freatures}"""

    with pytest.raises(KeyError, match="freatures"):
        documented(small_table())(Wrong)


def test_the_page_of_the_environments_is_that_of_the_docstrings() -> None:
    assert (ROOT / "docs" / "environments.md").read_text(encoding="utf-8") == page(), "write it again: make docs"
    assert all(f"# {identifier}\n" in page() for identifier in ENVIRONMENTS)
