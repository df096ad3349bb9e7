"""Each check of the schema: the field that its error blames, the value and what it says is allowed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from agentsim_env.engine.core import decisions
from agentsim_env.fields.meanings import meanings
from agentsim_env.hardware.all_reduce import links
from agentsim_env.hardware.engine_profiles import engine_profiles
from agentsim_env.hardware.sampling import BY_MODEL, SAMPLINGS
from agentsim_env.scenario import ScenarioError, load_scenario
from agentsim_env.scenario.arrivals import Diurnal
from agentsim_env.scenario.instance import Instance
from agentsim_env.scenario.rules import KINDS, Rules
from agentsim_env.scenario.schema import Scenario

# ruff: noqa: E501 (messages are quoted whole)
CASES = {
    # Cluster
    "cluster.model=GPT-5": "cluster.model = 'GPT-5': unknown model 'GPT-5'",
    "cluster.instances=[]": "cluster.instances = []: must have at least 1 item",
    "cluster.instances.0.gpu=H1000": "cluster.instances.0.gpu = 'H1000': unknown GPU 'H1000'",
    "cluster.instances.0.dtype=int3": "cluster.instances.0.dtype = 'int3': unknown dtype 'int3'; known: bf16",
    "cluster.instances.0.kv_dtype=int3": "cluster.instances.0.kv_dtype = 'int3': unknown KV dtype 'int3'; known: bf16",
    "cluster.instances.0.count=0": "cluster.instances.0.count = 0: must be greater than or equal to 1",
    "cluster.instances.0.count=true": "cluster.instances.0.count = True: must be a valid integer",
    "cluster.instances.0.count='2'": "cluster.instances.0.count = '2': must be a valid integer",
    "cluster.instances.0.gpu_memory_utilization=90": (
        "cluster.instances.0.gpu_memory_utilization = 90: must be less than or equal to 1"
    ),
    "cluster.instances.0.lanes={slots: 10}": (
        "cluster.instances.0.mode = 'mixed': goes with mode two_lanes only: no other mode has lanes"
    ),
    "cluster.instances=[{gpu: H100, mode: two_lanes, async_scheduling: true}]": (
        "cluster.instances.0.async_scheduling = True: must be false with mode two_lanes: "
        "its lanes form an iteration when the one before has ended"
    ),
    "cluster.instances=[{gpu: H100, mode: two_lanes, tp: 2}]": (
        "cluster.instances.0.tp = 2: must be 1 with mode two_lanes: shares of the SMs were measured on one GPU"
    ),
    "cluster.instances=[{gpu: H100, mode: two_lanes, lanes: {slots: 5, decode_share: 0.9}}]": (
        "cluster.instances.0.lanes.decode_share = 0.9: must be at most 0.8: of 5 slots one is left for prefills"
    ),
    "cluster.instances=[{gpu: H100, mode: two_lanes, lanes: {slots: 1}}]": (
        "cluster.instances.0.lanes.slots = 1: must be greater than or equal to 2"
    ),
    "cluster.instances=[{gpu: H100, mode: two_lanes, lanes: {budget_grid_tokens: [0, 64, 64]}}]": (
        "cluster.instances.0.lanes.budget_grid_tokens.2 = 64: must be above 64: budgets ascend"
    ),
    "cluster.instances=[{gpu: H100, mode: two_lanes}, {gpu: H100, mode: two_lanes, lanes: {slots: 5}}]": (
        "cluster.instances.1.lanes.slots = 5: must be 10, as on the first instance with two lanes: "
        "of these are the answers of set_prefill_budget made"
    ),
    "cluster.instances.0.mode=prefill": (
        "cluster.instances.0.mode = 'prefill': instances of mode prefill need others of mode decode: "
        "each does half of the work of a turn"
    ),
    "cluster.instances=[{gpu: H100}, {gpu: H100, mode: decode}]": (
        "cluster.instances.1.mode = 'decode': instances of mode decode need others of mode prefill: "
        "each does half of the work of a turn"
    ),
    "cluster.instances=[{gpu: H100, mode: prefill}, {gpu: H100, mode: decode}]": (
        "cluster.peer_link: must be given where prefill and decode are apart: KV moves over it"
    ),
    "cluster.instances=[{gpu: H100, shares_gpu: a}]": (
        "cluster.instances.0.shares_gpu = 'a': must be a name that another instance gives too, or null: it shares with nobody"
    ),
    "cluster.instances=[{gpu: H100, shares_gpu: a}, {gpu: H200, shares_gpu: a}]": (
        "cluster.instances.1.gpu = 'H200': must be H100: another instance that shares a has it"
    ),
    "cluster.instances=[{gpu: H100, shares_gpu: a}, {gpu: H100, tp: 2, shares_gpu: a}]": (
        "cluster.instances.1.tp = 2: must be 1: another instance that shares a has it"
    ),
    "cluster.instances=[{gpu: H100, shares_gpu: a, count: 2}]": (
        "cluster.instances.0.gpu_memory_utilization = 0.9: "
        "the instances that share a must take at most 1 together, and take 1.8"
    ),
    "cluster.context_switch_s=0.001": (
        "cluster.context_switch_s = 0.001: must be 0 where no instances share a GPU (instances.*.shares_gpu)"
    ),
    "cluster.instances.0.async_scheduling=maybe": (
        "cluster.instances.0.async_scheduling = 'maybe': must be a valid boolean"
    ),
    "cluster.instances.0.engine=vllm-0.18": (
        "cluster.instances.0.engine = 'vllm-0.18': unknown engine 'vllm-0.18'; did you mean 'vllm-0.19'? "
        "Known (engine_profiles.yaml): plain, vllm-0.11, vllm-0.12, vllm-0.15, vllm-0.19, sglang"
    ),
    "cluster.instances.0.sampling=nucleus": (
        "cluster.instances.0.sampling = 'nucleus': unknown sampling 'nucleus'; known: model, whole, top_p, top_k, penalised"
    ),
    "cluster.instances.0.interconnect=pcie": (
        "cluster.instances.0.interconnect = 'pcie': unknown interconnect 'pcie'; known: nvlink-3, nvlink-4"
    ),
    "cluster.instances.0.all_reduce_factor=0": "cluster.instances.0.all_reduce_factor = 0: must be greater than 0",
    "cluster.instances.0.mode=mix": "cluster.instances.0.mode = 'mix': not one of the allowed values; did you mean mixed?",
    "cluster.instances.0.max_num_batched_tokens=100": (
        "cluster.instances.0.max_num_batched_tokens = 100: "
        "must be at least max_num_seqs (256): each running turn takes one token"
    ),
    "cluster.instances.0.failures=[{at_s: 5, down_s: 2}, {at_s: 6, down_s: 1}]": (
        "cluster.instances.0.failures.1.at_s = 6.0: must be at least 7: the outage before it ends then"
    ),
    "cluster.instances.0={gpu: H100, start_s: 9, failures: [{at_s: 5, down_s: 2}]}": (
        "cluster.instances.0.failures.0.at_s = 5.0: must be at least start_s (9): before, it is not up"
    ),
    "cluster.instances.0.mtbf_s=5": "cluster.instances.0.mttr_s: mtbf_s and mttr_s go together: give both or neither",
    "cluster.instances.0.mttr_s=5": "cluster.instances.0.mtbf_s: mtbf_s and mttr_s go together: give both or neither",
    "cluster.instances=[{gpu: H100, mtbf_s: 5, mttr_s: 1, failures: [{at_s: 5, down_s: 2}]}]": (
        "cluster.instances.0.mtbf_s = 5.0: give either failures or mtbf_s, not both"
    ),
    "cluster.tiers=[{kind: dram, capacity_gib: 1, interrupt: true}]": (
        "cluster.tiers.0.queue = 'fifo': must be priority or distance with interrupt: a link goes on with what a "
        "waiting turn needs"
    ),
    "cluster={tiers: [{kind: dram, capacity_gib: 1, queue: priority, interrupt: true}], transfers: serialized}": (
        "cluster.tiers.0.interrupt = True: must be false with transfers: serialized, where nothing is on a link for any "
        "time"
    ),
    "cluster.tiers=[{kind: dram, capacity_gib: 1, queue: lifo}]": (
        "cluster.tiers.0.queue = 'lifo': not one of the allowed values"
    ),
    "cluster.instances.0.adapters={slots: 4}": (
        "cluster.tiers = []: must have one of kind dram: adapters of instances.0 come from host memory, over its link"
    ),
    "cluster.instances.0.adapters.slots=0": (
        "cluster.instances.0.adapters.slots = 0: must be greater than or equal to 1"
    ),
    "cluster.view_delay_s=-1": "cluster.view_delay_s = -1: must be greater than or equal to 0",
    "cluster.view_delay_s=on": "cluster.view_delay_s = True: must be a valid number",
    "cluster.view_delay_s=.inf": "cluster.view_delay_s = inf: must be a finite number",
    "cluster.router_tree.capacity_tokens=0": "cluster.router_tree.capacity_tokens = 0: must be greater than or equal to 1",
    # Workload
    "workload.mix=null": "workload.mix: give exactly one of mix and trace, not neither",
    "workload={mix: [{family: talk}], trace: {path: x}}": ("workload.mix: give exactly one of mix and trace, not both"),
    "workload.mix.0.family=walk": "workload.mix.0.family = 'walk': unknown family; did you mean talk?; allowed: talk",
    "workload.mix.0.weight=0": "workload.mix.0.weight = 0: must be greater than 0",
    "workload.mix.0.params.turns=0": "workload.mix.0.params.turns = 0: must be greater than or equal to 1",
    "workload.mix.0.params.sizes.a=x": "workload.mix.0.params.sizes.a = 'x': must be a valid integer",
    "workload.trace={path: x, format: moncake}": (
        "workload.trace.format = 'moncake': unknown trace format; did you mean mooncake?; allowed: auto, azure, mooncake"
    ),
    "workload.trace={path: x, speedup: 2}": (
        "workload.trace.speedup = 2.0: must be 1 unless arrivals.process is 'trace': recorded times are not used"
    ),
    "workload.trace={path: x, max_turns: 0}": "workload.trace.max_turns = 0: must be greater than or equal to 1",
    "workload.trace={path: x, max_context_tokens: 1.5}": "workload.trace.max_context_tokens = 1.5: must be a valid integer",
    "workload.trace={format: auto}": "workload.trace.path: required, but not given",
    "workload.tools.shell={failure_probability: 0.5}": (
        "workload.tools.shell.max_retries = 0: "
        "must be at least 1 where failure_probability is above 0: a call ends with a success"
    ),
    "workload.tools.shell.failure_probability=1": "workload.tools.shell.failure_probability = 1: must be less than 1",
    "workload.tools.shel.concurrency=1": (
        "workload.tools.shel: unknown tool, which no family of the mix calls; did you mean shell?; allowed: shell, web"
    ),
    # Arrivals
    "workload.arrivals.process=posson": (
        "workload.arrivals.process = 'posson': not one of the allowed values; did you mean poisson?; "
        "allowed: closed_loop, diurnal, fixed, gamma, poisson, trace"
    ),
    "workload.arrivals.process=null": (
        "workload.arrivals.process: required, but not given; "
        "allowed: closed_loop, diurnal, fixed, gamma, poisson, trace"
    ),
    "workload.arrivals=null": "workload.arrivals: required, but not given",
    "workload.arrivals.load=null": "workload.arrivals.load: give exactly one of rate_per_s and load, not neither",
    "workload.arrivals={rate_per_s: 1, load: 0.5}": (
        "workload.arrivals.load = 0.5: give exactly one of rate_per_s and load, not both"
    ),
    "workload.arrivals.cv=3": "workload.arrivals.cv = 3: unknown field; allowed: load, process, rate_per_s",
    "workload.arrivals={process: gamma, load: 0.5}": "workload.arrivals.cv: required, but not given",
    "workload.arrivals={process: diurnal, rates_per_s: [0, 0], window_s: 1}": (
        "workload.arrivals.rates_per_s = [0.0, 0.0]: at least one rate must be above 0"
    ),
    "workload.arrivals={process: diurnal, rates_per_s: [1], window_s: 1, load: 1, rate_per_s: 1}": (
        "workload.arrivals.load = 1.0: give at most one of rate_per_s and load, not both"
    ),
    "workload.arrivals={process: fixed, times_s: [0, 2, 1]}": (
        "workload.arrivals.times_s.2 = 1.0: must be at least 2: times are in order"
    ),
    "workload.arrivals={process: fixed, times_s: [0, 2]}": (
        "episode.programs = 8: must be at most 2, the number of workload.arrivals.times_s"
    ),
    "workload.arrivals={process: trace}": "workload.arrivals.process = 'trace': 'trace' needs workload.trace",
    # Rules
    "rules.route_turn=randon": (
        "rules.route_turn = 'randon': unknown rule; did you mean random?; allowed: least_loaded, random, session_affinity"
    ),
    "rules.rout_turn=random": "rules.rout_turn = 'random': unknown field; did you mean route_turn?; allowed: admit_program",
    "rules.rule_params.rout_turn={}": (
        "rules.rule_params.rout_turn: unknown kind of decision; did you mean route_turn?"
    ),
    "rules={route_turn: session_affinity, rule_params: {route_turn: {treshold: 1}}}": (
        "rules.rule_params.route_turn.treshold: unknown parameter of rule 'session_affinity'; "
        "did you mean threshold?; allowed: threshold"
    ),
    "rules.rule_params.route_turn.threshold=1": (
        "rules.rule_params.route_turn.threshold: unknown parameter of rule 'least_loaded'"
    ),
    # Reward, episode, objectives, decisions
    "reward.unit_s=0": "reward.unit_s = 0: must be greater than or equal to 1e-09: what is divided by it has to be a number",
    "reward.terms.ttfft=1": "reward.terms.ttfft = 'ttfft': not one of the allowed values; did you mean ttft?; allowed: cost",
    "reward.terms.ttft=-1": "reward.terms.ttft = -1: must be greater than or equal to 0",
    "reward.terms={time_in_system: 0}": ("reward.terms = {'time_in_system': 0.0}: at least one weight must be above 0"),
    "reward.terms.slo_violation=1": (
        "reward.terms.slo_violation = 1.0: needs an objective in slo: ttft_s, tpot_s, slowdown"
    ),
    "episode.programs=null": (
        "episode.programs: required, a whole number from 1: a mix of synthetic programs has no end"
    ),
    "episode.warmup_programs=8": (
        "episode.warmup_programs = 8: must be less than programs (8): the rest is what counts"
    ),
    "slo.slowdown=0": "slo.slowdown = 0: must be greater than 0",
    "decisions.candidates=0": "decisions.candidates = 0: must be greater than or equal to 1",
    "cluster=null": "cluster: required, but not given",
    "workload.arrivals=7": "workload.arrivals = 7: must be a mapping",
    "cluster.model=''": "cluster.model = '': must have at least 1 character",
    "cluster=7": "cluster = 7: must be a mapping",
    "cluster.instances=7": "cluster.instances = 7: must be a list",
}


@pytest.mark.parametrize("override", CASES)
def test_errors_name_field_value_and_what_is_allowed(refused: Callable[..., str], override: str) -> None:
    assert CASES[override] in refused(override)


def test_errors_name_file_and_line(small: Path) -> None:
    small.write_text(small.read_text().replace("load: 0.9", "load: -1").replace("count: 2", "cuont: 2"))
    with pytest.raises(ScenarioError) as caught:
        load_scenario(small)
    first, second = str(caught.value).splitlines()
    assert first.startswith(
        f"{small}:5: cluster.instances.0.cuont = 2: unknown field; did you mean count?; "
        "allowed: adapters, all_reduce_factor, async_scheduling,"
    )
    assert second == f"{small}:9: workload.arrivals.load = -1: must be greater than 0"


def test_errors_name_what_stands_in_the_place_of_a_process(small: Path) -> None:
    small.write_text(small.read_text().replace("process:", "proces:"))
    with pytest.raises(
        ScenarioError, match=r"arrivals.process: required, but not given; 'proces' is no field; allowed: "
    ):
        load_scenario(small)


def test_known_hardware_is_listed(refused: Callable[..., str]) -> None:
    message = refused("cluster.instances.0.gpu=H1000")
    assert "H100" in message and "L40S" in message
    assert "Llama-3.1-70B" in refused("cluster.model=GPT-5")


def test_long_values_are_shortened(refused: Callable[..., str]) -> None:
    message = refused(f"cluster.frontend_s={list(range(1000))}")
    assert " ...: must be a valid number" in message
    assert len(message) < 300


def test_valid_arrivals(small: Path) -> None:
    for arrivals in (
        "{process: gamma, cv: 4, rate_per_s: 2}",
        "{process: diurnal, rates_per_s: [1, 2], window_s: 60, load: 0.5}",
        "{process: diurnal, rates_per_s: [1, 2], window_s: 60}",
        "{process: closed_loop, users: 4, think_time_s: 0}",
    ):
        load_scenario(small, [f"workload.arrivals={arrivals}"])
    assert Diurnal(process="diurnal", rates_per_s=(1.0, 2.0), window_s=60.0).period_s == 120.0


def test_a_trace_may_be_replayed_whole(small: Path) -> None:
    scenario = load_scenario(
        small,
        ["workload.trace={path: x, speedup: 2}", "workload.arrivals={process: trace}", "episode.programs=null"],
    )
    assert scenario.episode.programs is None


def test_fixed_times_say_how_many_programs_there_are(small: Path) -> None:
    load_scenario(small, ["workload.arrivals={process: fixed, times_s: [0, 2]}", "episode.programs=null"])


def test_params_of_the_family_are_complete(small: Path) -> None:
    mix = load_scenario(small, ["workload.mix.0.params.sizes={a: 1}"]).workload.mix
    assert mix is not None
    assert mix[0].params.model_dump() == {"turns": 3, "sizes": {"a": 1}}


def test_params_of_rules_fill_in_defaults(small: Path) -> None:
    rules = load_scenario(small, ["rules.route_turn=session_affinity"]).rules
    assert rules.params("route_turn") == {"threshold": 0.8}
    given = load_scenario(small, ["rules={route_turn: session_affinity, rule_params: {route_turn: {threshold: 1}}}"])
    assert given.rules.params("route_turn") == {"threshold": 1.0}


def test_rules_have_a_field_for_each_kind(small: Path) -> None:
    assert set(Rules.model_fields) == {*KINDS, "rule_params", "policies"}
    assert load_scenario(small).rules.by_kind()["route_turn"] == "least_loaded"


def test_the_engine_has_the_same_kinds() -> None:
    assert decisions.KINDS == KINDS


def test_a_scenario_does_not_change(small: Path) -> None:
    scenario = load_scenario(small)
    with pytest.raises(ValidationError, match="frozen"):
        scenario.name = "other"


def test_every_field_is_described(known_names: None) -> None:
    missing = [
        f"{model.__name__}.{name}" for model in models() for name in model.model_fields if not meanings(model).get(name)
    ]
    assert missing == []
    assert all(model.__doc__ for model in models())


def models() -> Iterator[type[BaseModel]]:
    waiting: list[type[BaseModel]] = [Scenario]
    seen: set[type[BaseModel]] = set()
    while waiting:
        model = waiting.pop()
        if model in seen or model is BaseModel:
            continue
        seen.add(model)
        yield model
        for field in model.model_fields.values():
            waiting.extend(in_annotation(field.annotation))


def in_annotation(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from in_annotation(argument)


@pytest.mark.parametrize(
    ("field", "names"),
    [("engine", tuple(engine_profiles())), ("interconnect", links()), ("sampling", (BY_MODEL, *SAMPLINGS))],
)
def test_descriptions_list_every_name(field: str, names: tuple[str, ...]) -> None:
    description = meanings(Instance)[field]
    assert [name for name in names if f"`{name}`" not in description] == []
