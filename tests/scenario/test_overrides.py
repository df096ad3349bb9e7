from collections.abc import Callable
from pathlib import Path

import pytest

from agentsim_env.scenario import load_scenario


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("cluster.frontend_s=0.5", 0.5),
        ("cluster.frontend_s=1e-3", 0.001),
        ("cluster.frontend_s = 2", 2.0),
    ],
)
def test_values_are_yaml(small: Path, text: str, value: float) -> None:
    assert load_scenario(small, [text]).cluster.frontend_s == value


def test_lists_and_mappings_can_be_given_whole(small: Path) -> None:
    scenario = load_scenario(
        small,
        [
            "cluster.instances=[{gpu: H200, tp: 2}, {gpu: A100}]",
            "workload.arrivals={process: fixed, times_s: [0, 0, 1, 1, 2, 2, 3, 3]}",
        ],
    )
    assert [(i.gpu, i.tp) for i in scenario.cluster.instances] == [("H200", 2), ("A100", 1)]
    assert scenario.workload.arrivals.model_dump()["times_s"] == (0, 0, 1, 1, 2, 2, 3, 3)


def test_places_in_lists_are_numbers(small: Path) -> None:
    scenario = load_scenario(small, ["cluster.instances.0.count=5", "cluster.instances.0.tp=2"])
    assert (scenario.cluster.instances[0].count, scenario.cluster.instances[0].tp) == (5, 2)
    assert scenario.cluster.instances[0].gpu == "H100"


def test_parts_that_the_file_does_not_name_can_be_set(small: Path) -> None:
    scenario = load_scenario(small, ["slo.ttft_s=1", "workload.tools.shell.concurrency=4"])
    assert scenario.slo.ttft_s == 1.0
    assert scenario.workload.tools["shell"].concurrency == 4


def test_the_last_one_wins(small: Path) -> None:
    assert load_scenario(small, ["cluster.frontend_s=1", "cluster.frontend_s=2"]).cluster.frontend_s == 2.0


def test_a_mapping_gives_values_as_they_are(small: Path) -> None:
    scenario = load_scenario(small, {"cluster.frontend_s": 0.5, "workload.arrivals.load": 0.7})
    assert scenario.cluster.frontend_s == 0.5


def test_null_brings_the_default_back(small: Path) -> None:
    assert load_scenario(small, ["cluster.frontend_s=3", "cluster.frontend_s=null"]).cluster.frontend_s == 0.01


def test_a_rate_takes_the_place_of_the_load(small: Path) -> None:
    arrivals = load_scenario(small, ["workload.arrivals.rate_per_s=2"]).workload.arrivals
    assert arrivals.model_dump() == {"process": "poisson", "rate_per_s": 2.0, "load": None}


def test_unknown_paths_list_what_is_allowed_there(refused: Callable[..., str]) -> None:
    assert refused("cluster.frontends=1") == (
        "--set cluster.frontends=1: cluster.frontends = 1: unknown field; did you mean frontend_s?; "
        "allowed: block_size_tokens, context_switch_s, eviction, frontend_s, instances, model, peer_link, router_tree, "
        "staging_gib, tiers, transfers, view_delay_s, write_policy"
    )
    assert refused("clusters.frontend_s=1") == (
        "--set clusters.frontend_s=1: clusters = {'frontend_s': 1}: unknown field; did you mean cluster?; "
        "allowed: cluster, decisions, description, episode, knee, name, randomize, reward, rules, slo, workload"
    )
    assert "allowed: concurrency, failure_probability" not in refused("slo.ttft=1")
    assert refused("workload.mix.0.params.turn=1").endswith("unknown field; did you mean turns?; allowed: sizes, turns")
    assert "allowed: backoff_s, concurrency, failure_probability, max_retries" in refused("workload.tools.sh.size=1")


def test_fields_that_stand_at_the_top_are_told_where_they_belong(refused: Callable[..., str]) -> None:
    message = refused("instances.0.count=2")
    assert "unknown field; did you mean cluster.instances?; allowed: cluster, decisions" in message
    assert "; did you mean rate_per_s?; allowed: load, process, rate_per_s" in refused(
        "workload.arrivals={process: poisson, rate: 2}"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cluster.frontend_s", "must be path=value, as in cluster.frontend_s=0.02"),
        ("=3", "must be path=value, as in cluster.frontend_s=0.02"),
        ("cluster.instances.1.count=2", "cluster.instances.1: no such place in the list; allowed: 0"),
        (
            "cluster.instances.first.count=2",
            "cluster.instances.first: no such place in the list; did you mean cluster.instances.0.first?; allowed: 0",
        ),
        (
            "cluster.instances.count=2",
            "cluster.instances.count: no such place in the list; did you mean cluster.instances.0.count?; allowed: 0",
        ),
        ("cluster.instances.-1.count=2", "cluster.instances.-1: no such place in the list; allowed: 0"),
    ],
)
def test_wrong_overrides_are_quoted(refused: Callable[..., str], text: str, reason: str) -> None:
    assert refused(text) == f"--set {text}: {reason}"


def test_values_that_are_not_yaml_are_quoted(refused: Callable[..., str]) -> None:
    assert refused("cluster.frontend_s=[1").startswith("--set cluster.frontend_s=[1:1: not valid YAML: ")


def test_overrides_from_python_are_named(refused: Callable[..., str]) -> None:
    message = refused(cluster__frontend_s=-1.0)
    assert message == "override cluster.frontend_s: cluster.frontend_s = -1.0: must be greater than or equal to 0"
