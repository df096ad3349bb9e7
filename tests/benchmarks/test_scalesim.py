"""The page of ScaleSim: what its systems and settings are, and what is said of made-up figures."""

from collections.abc import Mapping

import pytest

from agentsim_env.assembly import engines_of
from agentsim_env.scenario import load_scenario
from benchmarks.scalesim.__main__ import PAGE
from benchmarks.scalesim.classes import speedup, ttft_change
from benchmarks.scalesim.crowds import AGENTS, SIMULATED, TIMED, Cost
from benchmarks.scalesim.hints import ALL_FIT, HINTS, SHOWN
from benchmarks.scalesim.page import Results, page
from benchmarks.scalesim.runs import SCENARIO, Figures
from benchmarks.scalesim.settings import ADAPTERS, CLASSES, MAIN, PREFIXES, SETTINGS, all_fit, changes_of
from benchmarks.scalesim.summary import cost_bar, order_bars, speedup_bars, ttft_bar, vanishing_bars, workflow_bars
from benchmarks.scalesim.systems import LINK_GB_PER_S, SYSTEMS, over_link
from benchmarks.scalesim.workflow import OUTPUT_TOKENS, workflow, workflow_lines


def test_every_system_is_valid_in_every_setting() -> None:
    for system in SYSTEMS.values():
        for setting in SETTINGS.values():
            scenario = load_scenario(SCENARIO, system | changes_of(setting, "world_diffusion"))
            assert scenario.cluster.tiers[0].link_gb_per_s == LINK_GB_PER_S


def test_a_quarter_of_the_agents_is_resident() -> None:
    assert ADAPTERS.instance["adapters"]["slots"] * 4 == ADAPTERS.agents
    assert PREFIXES.agents == 500
    (engine,) = engines_of(load_scenario(SCENARIO, changes_of(PREFIXES, "world_independent")))
    assert 125 <= engine.kv_blocks / (4096 // 16) < 150


def test_where_all_fit_there_is_room_for_all() -> None:
    setting = all_fit(ADAPTERS)
    assert setting.instance["adapters"]["slots"] == setting.agents
    assert ADAPTERS.instance["adapters"]["slots"] == 100, "the setting itself stays"


def test_only_the_link_differs_over_another_link() -> None:
    for name, system in SYSTEMS.items():
        slow = over_link(name, 2.0)
        assert slow["cluster.tiers"][0]["link_gb_per_s"] == 2.0
        assert slow | {"cluster.tiers": system["cluster.tiers"]} == system


def cell(**step_s: float) -> dict[str, Figures]:
    """Figures of systems whose TTFT is a tenth of their steps."""
    steps = dict.fromkeys(SYSTEMS, 1.0) | {name.replace("_", " "): value for name, value in step_s.items()}
    return {name: Figures(value, value / 10.0, 0.0, 0.0) for name, value in steps.items()}


def found(**step_s: float) -> dict[tuple[str, str], Mapping[str, Figures]]:
    return {(setting, kind): cell(**step_s) for setting in SETTINGS for kind in CLASSES}


def test_gains_are_ratios_to_scalesim() -> None:
    assert speedup(cell(SGLang=1.5), "SGLang") == 1.5
    assert speedup(cell(SGLang=1.5, KVFlow=0.5), "SGLang", "KVFlow") == 3.0
    assert ttft_change(cell(HiCache=2.0), "HiCache") == -0.5


def test_sizes_agree_within_fifteen_percent() -> None:
    independent, interacting, diffusion = speedup_bars(found(SGLang=1.73))
    assert (independent.order, independent.size) == (True, True)
    assert (interacting.size, diffusion.size) == (False, True)
    assert all(bar.order is False for bar in speedup_bars(found()))


def test_an_order_stands_within_ties() -> None:
    assert order_bars(found(SGLang=2.0, HiCache=1.5, KVFlow=1.02, ScaleSim=1.04))[0].order is True
    assert order_bars(found(SGLang=2.0, HiCache=1.5, KVFlow=1.0, ScaleSim=1.1))[0].order is False


def test_bars_follow_from_the_figures() -> None:
    assert ttft_bar({AGENTS[-1]: cell(HiCache=2.0)}).size is True
    assert ttft_bar({AGENTS[-1]: cell(HiCache=1.1)}).size is False
    rows = {name: {setting: cell() for setting in SHOWN} for name in (*HINTS, ALL_FIT)}
    assert all(bar.size for bar in vanishing_bars(rows))
    rows["nearly all exchanged"]["adapters, short"] = cell(SGLang=2.0)
    assert [bar.size for bar in vanishing_bars(rows)] == [True, False, True]
    without, _ = reversed(workflow_bars({32: cell(HiCache=1.8, SGLang=2.9), 128: cell(HiCache=1.2, SGLang=1.3)}))
    assert (without.order, without.size) == (True, True)
    costs = [Cost(agents, dict.fromkeys(TIMED, us)) for agents, us in zip(SIMULATED, (2.0, 3.0, 7.0), strict=True)]
    assert cost_bar(costs).size is False
    assert cost_bar(costs[:2]).size is True


def test_the_page_shows_what_was_simulated() -> None:
    text = page(
        Results(
            classes=found(SGLang=1.73),
            hints={name: {setting: cell() for setting in SHOWN} for name in (*HINTS, ALL_FIT)},
            crowds={agents: cell(HiCache=2.0) for agents in AGENTS},
            workflow={tokens: cell() for tokens in OUTPUT_TOKENS},
            costs=[Cost(agents, dict.fromkeys(TIMED, 1.0)) for agents in SIMULATED],
            seeds=2,
        )
    )
    assert "| ScaleSim over SGLang, independent | 1.73 | 1.73 (1.73 to 1.73) | yes | yes | - |" in text
    assert f"| {MAIN} | diffusion | 1.73, 0.173 | 1.00, 0.100 |" in text
    assert "{" not in text


def test_the_page_in_the_docs_is_that_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for line in workflow_lines(workflow(range(1))):
        assert line in text, "run python -m benchmarks.scalesim"


@pytest.mark.parametrize("kind", CLASSES)
def test_each_class_has_a_row(kind: str) -> None:
    assert f"| ScaleSim over SGLang, {kind} |" in PAGE.read_text(encoding="utf-8")
