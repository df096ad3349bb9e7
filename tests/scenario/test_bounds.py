"""Every number of a scenario has bounds: what is beyond is refused at once, with the bound and its reason."""

from collections.abc import Iterator
from typing import Any

import pytest

from agentsim_env.scenario import ScenarioError, library, load_scenario
from agentsim_env.scenario.json_schema import json_schema

# ruff: noqa: E501 (messages are quoted whole)
BEYOND = {
    "cluster.view_delay_s=1e-9": "must be 0, or at least 0.001 s: metrics are sent once in that time",
    "cluster.view_delay_s=1e300": "must be less than or equal to 1e+09: in seconds; that is some 30 years, where the clock ends",
    "cluster.instances.0.kv_blocks=2147483648": "must be less than or equal to 1,000,000,000: the engine counts in 32 bits",
    "cluster.instances.0.count=1000000000": "must be less than or equal to 10,000: routers look at each of them for each turn",
    "cluster.instances=[{gpu: H100, count: 9000}, {gpu: H200, count: 9000}]": "must be at most 10,000 instances together",
    "cluster.instances=[{gpu: H100, count: 9000, max_num_seqs: 60000, max_num_batched_tokens: 60000}]": "max_num_seqs = 60000: must be at most 11,111 on 9,000 instances",
    "cluster.instances.0={gpu: H100, mtbf_s: 1e-3, mttr_s: 1}": "must be greater than or equal to 1: in seconds; an engine takes longer than that to start",
    "cluster.instances.0.failures=[{at_s: 1, down_s: 1e308}]": "failures.0.down_s = 1e+308: must be less than or equal to 1e+09",
    "cluster.tiers=[{kind: dram, capacity_gib: 8e6}]": "must be less than or equal to 1e+06: in GiB; that is a pebibyte",
    "cluster.block_size_tokens=1000000": "must be less than or equal to 65,536: the engine keeps a counter for each token of a block",
    "decisions.candidates=1000000000": "must be less than or equal to 10,000: each is a row of an observation",
    "decisions.control_period_s=1e-9": "must be greater than or equal to 0.001: in seconds; an engine takes about as long",
    "episode.programs=1000000000": "must be less than or equal to 10,000,000: each takes kilobytes of memory",
    "workload.mix.0.params.turns=1000000000": "programs of 1e+09 turns: must be at most 1,000,000, as each takes memory",
    "workload.mix.0.params.n_variants=1000000000": "must be less than or equal to 10,000: each has a prompt of its own",
    "workload.mix.0.params.first_tokens={p5: 1e-300, p25: 1e9}": "is so wide that its largest values are inf: give a max",
    "workload.mix.0.params.first_tokens={mean: 1e-300, sd: 5}": "is so wide that its values are no numbers any more",
    "workload.mix.0.params.first_tokens={ln_mean: 700, ln_sd: 1}": "ln_mean = 700: must be less than or equal to 21",
    "workload.arrivals={process: closed_loop, users: 3, think_time_s: 1e308}": "think_time_s = 1e+308: must be less than or equal to 1e+09",
    "workload.arrivals={process: gamma, cv: 1e-300, load: 1}": "must be greater than or equal to 0.01: times are as good as regular there",
    "workload.arrivals={process: fixed, times_s: [1e300]}": "times_s.0 = 1e+300: must be less than or equal to 1e+09",
    "workload.tools.shell={failure_probability: 0.999, max_retries: 2000}": "must be less than or equal to 1,000: back-offs double with each",
    "workload.tools.shell={failure_probability: 0.9, max_retries: 30, backoff_s: 1}": "max_retries = 30: must be at most 29 with a backoff_s of 1 that doubles",
    "workload.tools.shell={failure_probability: 0.5, max_retries: 3, backoff_s: 1e30}": "backoff_s = 1e+30: must be less than or equal to 1e+09",
    "rules={admit_program: concur, rule_params: {admit_program: {period_s: 1e-9}}}": "period_s = 1e-09: must be from 0.001 to 1e+09: seconds until the rule is asked again",
    "rules={retain_kv: tool_ttl, rule_params: {retain_kv: {quantile: 5}}}": "quantile = 5.0: must be from 0 to 1: a share of the gaps",
    "rules={schedule_turn: autellix_mlfq, rule_params: {schedule_turn: {queues: 1e9}}}": "queues = 1000000000.0: must be from 1 to 64",
    "rules={admit_program: concur, rule_params: {admit_program: {increase: -1}}}": "increase = -1.0: must be from 0 to 1e+09",
}


@pytest.mark.parametrize("override", BEYOND)
def test_what_is_beyond_is_refused_with_the_reason(override: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario("coding_agents", [override])
    assert BEYOND[override] in str(caught.value)


@pytest.mark.parametrize(
    "override",
    [
        "cluster.view_delay_s=0.001",
        "cluster.instances.0.kv_blocks=1000000000",
        "cluster.instances.0.count=10000",
        "decisions.candidates=10000",
        "workload.tools.shell={failure_probability: 0.9, max_retries: 29, backoff_s: 1}",
        "workload.tools.shell={failure_probability: 0.9, max_retries: 1000}",
        "workload.mix.0.params.turns=1000000",
        "rules={prefetch_kv: saga_margin, rule_params: {prefetch_kv: {margin_s: -1, deviations: -1}}}",
    ],
)
def test_what_is_within_is_taken(override: str) -> None:
    load_scenario("coding_agents", [override])


def numbers(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the numbers of a JSON schema, by the part and the field that they stand in."""
    if isinstance(node, list):
        for item in node:
            yield from numbers(item, path)
    elif isinstance(node, dict):
        if node.get("type") in ("integer", "number"):
            yield path, node
        for key, value in node.items():
            yield from numbers(value, f"{path}.{key}")


def test_every_number_has_bounds() -> None:
    unbounded = [
        path
        for path, node in numbers(json_schema(), "")
        if not {"maximum", "exclusiveMaximum"} & node.keys() or not {"minimum", "exclusiveMinimum"} & node.keys()
    ]
    # Parameters of rules have bounds by their names, which the JSON schema does not tell.
    assert [path for path in unbounded if "rule_params" not in path] == []


@pytest.mark.parametrize("name", library())
def test_the_library_is_within(name: str) -> None:
    load_scenario(name)
