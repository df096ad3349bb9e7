"""What scenarios draw for each episode: from what, as a function of what, and what they refuse."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsim_env import Scenario, ScenarioError, load_scenario
from agentsim_env.scenario.draws import Drawing
from agentsim_env.scenario.reference import markdown
from tests.small import DRAWN, SMALL, drawn

PATH = "cluster.instances.0.kv_blocks"


def with_draws(draws: Mapping[str, Any], overrides: Any = ()) -> Scenario:
    return load_scenario({**SMALL["equal"], "randomize": draws}, overrides)


def refused(draws: Mapping[str, Any], overrides: Any = ()) -> str:
    with pytest.raises(ScenarioError) as caught:
        with_draws(draws, overrides)
    return str(caught.value)


def values(scenario: Scenario, seed: int) -> Mapping[str, Any]:
    return Drawing(scenario).of(seed).values


# What is drawn.


def test_an_episode_gets_a_value_for_each_path_and_each_place_of_a_list() -> None:
    scenario = drawn({"cluster.instances": [{"gpu": "H100"}, {"gpu": "A100"}]})
    found = Drawing(scenario).of(0)
    assert set(found.values) == {
        "workload.arrivals.rate_per_s",
        "cluster.view_delay_s",
        "cluster.instances.0.count",
        *(f"cluster.instances.{place}.{field}" for place in (0, 1) for field in ("gpu", "kv_blocks")),
    }
    first, second = found.scenario.cluster.instances
    assert first.count == found.values["cluster.instances.0.count"]
    assert (second.gpu, second.kv_blocks) == (
        found.values["cluster.instances.1.gpu"],
        found.values["cluster.instances.1.kv_blocks"],
    )
    assert not found.scenario.randomize


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**63 - 1))
def test_what_is_drawn_is_what_a_range_or_a_choice_has(seed: int) -> None:
    found = values(DRAWING.scenario, seed)
    assert 2.0 <= found["workload.arrivals.rate_per_s"] <= 6.0
    assert found["cluster.view_delay_s"] in (0.0, 0.5)
    assert type(found["cluster.instances.0.count"]) is int
    assert found["cluster.instances.0.count"] in (2, 3, 4)
    assert type(found["cluster.instances.0.kv_blocks"]) is int
    assert 2000 <= found["cluster.instances.0.kv_blocks"] <= 8000
    assert DRAWING.of(seed).values == found, "a function of the seed, whatever was drawn before"


DRAWING = Drawing(drawn())


def test_ranges_are_drawn_from_evenly_and_choices_as_often_as_they_stand_there() -> None:
    draws = {
        "cluster.frontend_s": {"uniform": [0.0, 0.1]},
        PATH: {"log_uniform": [1000, 100_000]},
        "cluster.instances.0.gpu": {"choice": ["H100", "H100", "L40S"]},
        "cluster.instances.0.count": {"uniform": [1, 4]},
    }
    drawing = Drawing(with_draws(draws))
    found = [drawing.of(seed).values for seed in range(300)]
    for path, is_low, share in (
        ("cluster.frontend_s", lambda value: value < 0.05, 0.5),
        (PATH, lambda value: value < 10_000, 0.5),
        ("cluster.instances.0.gpu", lambda value: value == "H100", 2 / 3),
        ("cluster.instances.0.count", lambda value: value == 4, 0.25),
    ):
        assert sum(is_low(each[path]) for each in found) / len(found) == pytest.approx(share, abs=0.08), path


def test_what_is_drawn_beside_it_moves_no_draw() -> None:
    alone = with_draws({PATH: DRAWN["cluster.instances.*.kv_blocks"]})
    shuffled = load_scenario({**SMALL["equal"], "randomize": dict(reversed(DRAWN.items()))})
    for seed in range(4):
        expected = values(drawn(), seed)
        assert values(alone, seed)[PATH] == expected[PATH]
        assert values(shuffled, seed) == expected


def test_a_whole_is_drawn_before_its_parts() -> None:
    clusters = [[{"gpu": "H100"}], [{"gpu": "H100"}, {"gpu": "L40S", "count": 2}]]
    draws = {"cluster.instances.*.kv_blocks": {"uniform": [2000, 3000]}, "cluster.instances": {"choice": clusters}}
    drawing = Drawing(with_draws(draws))
    sizes = {len(drawing.of(seed).scenario.cluster.instances) for seed in range(20)}
    assert sizes == {1, 2}
    assert all(each.kv_blocks for seed in range(20) for each in drawing.of(seed).scenario.cluster.instances)
    assert drawing.widest.scenario.cluster.n_instances == 3
    assert drawing.narrowest.scenario.cluster.n_instances == 1


@settings(max_examples=10, deadline=None)
@given(
    groups=st.lists(
        st.one_of(
            st.builds(lambda values: {"choice": values}, st.lists(st.integers(1, 6), min_size=1, max_size=4)),
            st.builds(lambda low, more: {"uniform": [low, low + more]}, st.integers(1, 4), st.integers(1, 4)),
        ),
        min_size=1,
        max_size=4,
    ),
    seed=st.integers(0, 1000),
)
def test_no_episode_has_more_instances_than_the_widest(groups: list[dict[str, Any]], seed: int) -> None:
    draws = {f"cluster.instances.{place}.count": draw for place, draw in enumerate(groups)}
    drawing = Drawing(with_draws(draws, {"cluster.instances": [{"gpu": "H100"}] * len(groups)}))
    most = sum(max(next(iter(draw.values()))) for draw in groups)
    least = sum(min(next(iter(draw.values()))) for draw in groups)
    assert drawing.widest.scenario.cluster.n_instances == most
    assert drawing.narrowest.scenario.cluster.n_instances == least
    assert least <= drawing.of(seed).scenario.cluster.n_instances <= most


def test_only_what_is_drawn_differs_from_the_scenario() -> None:
    found = Drawing(drawn()).of(3)
    assert found.scenario == load_scenario(SMALL["equal"], dict(found.values))
    assert found.scenario.content_hash() == load_scenario(SMALL["equal"], dict(found.values)).content_hash()


# How draws are written.


def test_draws_can_be_laid_over_and_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "extends: tool_chat\n"
        "randomize:\n"
        "  cluster.view_delay_s: {uniform: [0.1, 1]}\n"
        "  workload:\n"
        "    arrivals.rate_per_s: {uniform: [1, 2]}\n"
    )
    rate = "workload.arrivals.rate_per_s"
    assert set(load_scenario(path).randomize) == {"cluster.view_delay_s", rate}
    changed = load_scenario(path, ["randomize.cluster.view_delay_s={choice: [0, 2]}", f"randomize.{rate}=null"])
    assert {key: draw.choice for key, draw in changed.randomize.items()} == {"cluster.view_delay_s": (0, 2)}
    assert not load_scenario(path, ["randomize=null"]).randomize


def test_the_hash_covers_the_ranges_and_nothing_where_there_are_none() -> None:
    plain, other = load_scenario(SMALL["equal"]), {"workload.arrivals.rate_per_s": {"uniform": [2.0, 5.0]}}
    hashes = {scenario.content_hash() for scenario in (plain, drawn(), with_draws({**DRAWN, **other}))}
    assert len(hashes) == 3
    assert with_draws({}).content_hash() == plain.content_hash()
    saved = load_scenario(drawn().model_dump(mode="json", exclude_none=True))
    assert saved.content_hash() == drawn().content_hash()
    assert values(saved, 5) == values(drawn(), 5)


# What is refused.


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        ({PATH: {"uniform": [0, 10]}}, f"{PATH} = 0: must be greater than or equal to 1"),
        ({PATH: {"uniform": [1.5, 10]}}, f"randomize.{PATH} = 1.5: must be a whole number"),
        ({PATH: {"uniform": [10, 1]}}, "must be two numbers, the smaller one first"),
        ({PATH: {"uniform": [1]}}, f"randomize.{PATH}.uniform"),
        ({PATH: {"log_uniform": [0, 1]}}, "log_uniform.0 = 0.0: must be above 0"),
        ({PATH: {"choice": []}}, f"randomize.{PATH}.choice"),
        ({PATH: {"choice": [4000], "uniform": [1, 2]}}, "give exactly one of uniform, log_uniform, choice"),
        ({PATH: 4000}, f"randomize.{PATH} = 4000: must be a mapping"),
        ({"cluster.instances.0.kv": {"uniform": [1, 2]}}, "cluster.instances.0.kv = 1.0: unknown field"),
        ({"cluster.instances.4.kv_blocks": {"uniform": [1, 2]}}, "no such place in the list"),
        ({"cluster.*.kv_blocks": {"uniform": [1, 2]}}, "cluster is no list"),
        ({"cluster.instances.0.gpu": {"choice": ["H100", "H1"]}}, "unknown GPU 'H1'; did you mean 'H100'?"),
        ({"cluster.view_delay_s": {"uniform": [0, 1]}}, "must be 0, or at least"),
        ({"reward.unit_s": {"uniform": [1, 2]}}, "must be the path of a field of cluster or workload"),
        ({"workload.trace.path": {"choice": ["a"]}}, "names a file"),
        (
            {"workload.arrivals.load": {"uniform": [1, 2]}, "workload.arrivals.rate_per_s": {"uniform": [1, 2]}},
            "is drawn in vain",
        ),
    ],
)
def test_a_draw_that_cannot_work_is_refused_before_any_episode(draws: dict[str, Any], message: str) -> None:
    assert message in refused(draws)


def test_corners_that_do_not_go_together_are_named() -> None:
    draws = {
        "cluster.instances.0.max_num_seqs": {"choice": [64, 512]},
        "cluster.instances.0.max_num_batched_tokens": {"choice": [256, 2048]},
    }
    message = refused(draws)
    assert "max_num_batched_tokens = 256: must be at least max_num_seqs (512)" in message
    assert "drawn is" in message


def test_the_file_and_the_line_are_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: tool_chat\nrandomize:\n  cluster.view_delay_s:\n    uniform: [-1, 1]\n")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    assert str(caught.value).startswith(f"{path}:3: randomize.cluster.view_delay_s: cluster.view_delay_s = -1.0: must")
    with pytest.raises(ScenarioError, match=r"^--set randomize\.cluster\.frontend_s=\{uniform: \[-1, 1\]\}: "):
        load_scenario("tool_chat", ["randomize.cluster.frontend_s={uniform: [-1, 1]}"])


def test_what_an_agent_is_asked_has_the_same_form_in_all_episodes() -> None:
    lanes = [{"gpu": "H100", "mode": "two_lanes", "lanes": {"slots": slots}} for slots in (5, 10)]
    assert "must be the same whatever is drawn" in refused(
        {"cluster.instances": {"choice": [[each] for each in lanes]}}
    )


def test_each_documented_range_can_be_drawn_from() -> None:
    table = markdown().partition("## Scenarios that are drawn")[2].partition("\n* ")[0]
    rows = re.findall(r"^\| [^|]+ \| `([a-z_.0-9*]+)` \| `([^`]+)`.*\|$", table, re.MULTILINE)
    assert len(rows) >= 9
    tiers = [{"kind": "dram", "capacity_gib": 64}]
    for path, draw in rows:
        scenario = load_scenario(
            "unequal_gpus_tight", {"cluster.tiers": tiers, f"randomize.{path}": yaml.safe_load(f"{{{draw}}}")}
        )
        assert values(scenario, 0)
