"""The Python face of the simulator: decisions, rules, and times that can be worked out by hand."""

import errno
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from agentsim_env import Decision, ScenarioError, SimulationError, Simulator
from agentsim_env.hardware import Profile
from agentsim_env.load import prepare
from agentsim_env.metrics import Records
from agentsim_env.workload import InvalidProgramsError, Programs
from agentsim_env.workload.programs import EDGE, SEGMENT, Tool, new_programs, new_turns
from agentsim_env.workload.streams import SeedError
from tests.reference.building import WorkloadBuilder
from tests.small import SMALL, answer_at_random, small

GPUS = ("H100", "H200", "A100", "B200", "L40S", "RTX-4090", "RTX-PRO-6000")


def on(gpu: str, **instance: Any) -> Simulator:
    """One instance without a gateway."""
    overrides = {"cluster.instances": [{"gpu": gpu, **instance}], "cluster.frontend_s": 0.0}
    return Simulator(small("equal", {**overrides, "episode.warmup_programs": 0}))


def single_turns(arrival_s: Sequence[float], prompts: Sequence[int], outputs: Sequence[int]) -> Programs:
    """Programs of one turn that share nothing."""
    n = len(arrival_s)
    program, turn, segment = new_programs(n), new_turns(n), np.zeros(n, SEGMENT)
    program["arrival_s"] = arrival_s
    program["first_turn"], program["n_turns"] = np.arange(n), 1
    turn["program"] = turn["segment"] = np.arange(n)
    turn["prompt_tokens"] = turn["new_tokens"] = prompts
    turn["output_tokens"] = outputs
    segment["parent"], segment["n_blocks"] = -1, -(-(np.array(prompts) + outputs) // 16)
    return Programs(program, turn, np.zeros(0, EDGE), segment, 16, (Tool("tool"),), ("test",))


def simulate(simulator: Simulator, programs: Programs) -> Records:
    simulator.reset(seed=0, programs=programs)
    simulator.run()
    return simulator.records()


def decoding_s(profile: Profile, prompt: int, output: int) -> float:
    """Time from the first token to the last of a turn alone."""
    return sum(profile.iteration_s(contexts=[prompt + k]) for k in range(1, output))


# What happens when.


@pytest.mark.parametrize("gpu", GPUS)
def test_a_turn_alone_takes_what_the_profile_says(gpu: str) -> None:
    simulator = on(gpu)
    prompt, output = 5000, 40
    turn = simulate(simulator, single_turns([1.5], [prompt], [output])).turns[0]
    profile = simulator.engines[0].profile
    assert turn["ready_s"] == turn["queued_s"] == turn["scheduled_s"] == 1.5
    assert turn["first_token_s"] - 1.5 == pytest.approx(profile.prefill_s(prompt, chunk_tokens=2048), rel=1e-9)
    assert turn["end_s"] - turn["first_token_s"] == pytest.approx(decoding_s(profile, prompt, output), rel=1e-9)


def test_a_prefill_shares_its_iteration_with_decodes() -> None:
    simulator = on("H100")
    profile = simulator.engines[0].profile
    records = simulate(simulator, single_turns([0.0, 0.2], [1000, 600], [400, 1]))
    first, second = records.turns
    boundary_s, k = first["first_token_s"], 0
    while boundary_s < 0.2:
        k += 1
        boundary_s += profile.iteration_s(contexts=[1000 + k])
    mixed_s = profile.iteration_s(contexts=[1000 + k + 1], chunks=[(600, 0)])
    assert second["scheduled_s"] == pytest.approx(boundary_s, rel=1e-9)
    assert second["end_s"] == second["first_token_s"]
    assert second["first_token_s"] == pytest.approx(boundary_s + mixed_s, rel=1e-9)
    rest_s = sum(profile.iteration_s(contexts=[1000 + j]) for j in range(k + 2, 400))
    assert first["end_s"] == pytest.approx(boundary_s + mixed_s + rest_s, rel=1e-9)


def test_the_gateway_delays_every_turn() -> None:
    overrides = {"cluster.frontend_s": 0.5, "cluster.instances": [{"gpu": "H100"}]}
    records = simulate(Simulator(small("equal", overrides)), single_turns([1.0, 9.0], [100, 100], [5, 5]))
    assert records.turns["ready_s"].tolist() == [1.0, 9.0]
    assert records.turns["routed_s"].tolist() == [1.5, 9.5]
    assert (records.turns["queueing_s"] == 0.0).all()
    assert (records.programs["gap_s"] == 0.0).all()


def test_time_between_turns_is_gap_and_attempts_of_tools_take_their_time() -> None:
    work = WorkloadBuilder(tools=(Tool("shell", 0, 2.0),))
    work.program(1.0)
    leaf = work.segment(10)
    first, second = work.turn(leaf, 50, 10), work.turn(leaf, 80, 10, 20)
    work.edge(first, second, gap_s=3.0, failures=2)
    records = simulate(on("H100"), work.build())
    one, two = records.turns
    gap_s = 3.0 * 3 + 2.0 + 4.0
    assert two["ready_s"] - one["end_s"] == pytest.approx(gap_s, abs=1e-9)
    assert records.programs["gap_s"][0] == pytest.approx(gap_s, abs=1e-9)
    assert two["hit_tokens"] == 16 * (59 // 16)
    assert records.programs["jct_s"][0] == two["end_s"] - 1.0


def test_a_server_for_one_call_makes_the_others_wait() -> None:
    work = WorkloadBuilder(tools=(Tool("shell", 1, 0.0),))
    for _ in range(2):
        work.program(0.0)
        leaf = work.segment(8)
        first, second = work.turn(leaf, 50, 10), work.turn(leaf, 80, 10, 20)
        work.edge(first, second, gap_s=5.0)
    records = simulate(on("H100"), work.build())
    begin_s = records.turns["end_s"][0]
    assert begin_s < records.turns["end_s"][2] < begin_s + 5.0
    assert records.turns["ready_s"][1] - begin_s == pytest.approx(5.0, abs=1e-9)
    assert records.turns["ready_s"][3] - begin_s == pytest.approx(10.0, abs=1e-9)
    assert records.programs["gap_s"] == pytest.approx([5.0, 5.0], abs=1e-9)


# Queueing theory.


def test_one_server_is_the_queue_of_the_books() -> None:
    """Poisson arrivals at a server for one turn at a time wait as Lindley's recursion and Pollaczek-Khinchine say."""
    simulator = on("H100", max_num_seqs=1)
    profile = simulator.engines[0].profile
    rng = np.random.default_rng(1)
    n, utilisation = 100_000, 0.7
    choices = np.array([1, 20, 60, 200])
    outputs = rng.choice(choices, n, p=[0.2, 0.4, 0.3, 0.1])
    service_of = {k: profile.prefill_s(600) + decoding_s(profile, 600, k) for k in choices.tolist()}
    service_s = np.array([service_of[k] for k in outputs.tolist()])
    arrival_s = np.cumsum(rng.exponential(service_s.mean() / utilisation, n))
    records = simulate(simulator, single_turns(arrival_s.tolist(), [600] * n, outputs.tolist()))
    waits_s = records.turns["scheduled_s"] - records.turns["ready_s"]

    lindley_s, wait_s = np.zeros(n), 0.0
    for i in range(1, n):
        wait_s = max(0.0, wait_s + service_s[i - 1] - (arrival_s[i] - arrival_s[i - 1]))
        lindley_s[i] = wait_s
    np.testing.assert_allclose(waits_s, lindley_s, atol=1e-6)
    rate_per_s = utilisation / service_s.mean()
    pollaczek_khinchine_s = rate_per_s * np.mean(service_s**2) / (2.0 * (1.0 - utilisation))
    assert waits_s.mean() == pytest.approx(pollaczek_khinchine_s, rel=0.04)
    assert records.instances["utilisation"][0] == pytest.approx(utilisation, rel=0.02)


def test_littles_law_holds_for_turns() -> None:
    """Mean number of turns in the cluster, sampled by looking, is their rate times their mean stay."""
    simulator = Simulator(small("equal", {"episode.programs": 300}), agent_kinds=("route_turn",))
    simulator.reset(seed=0)
    simulator.run()
    turns = simulator.records().turns
    rng = np.random.default_rng(0)
    looks_s = rng.uniform(10.0, 60.0, 20_000)
    inside = np.searchsorted(np.sort(turns["ready_s"]), looks_s) - np.searchsorted(np.sort(turns["end_s"]), looks_s)
    stays_s = np.clip(turns["end_s"], 10.0, 60.0) - np.clip(turns["ready_s"], 10.0, 60.0)
    assert inside.mean() == pytest.approx(stays_s.sum() / 50.0, rel=0.03)


# Books that have to balance.


@pytest.mark.parametrize("name", SMALL)
def test_tokens_and_turns_add_up(name: str) -> None:
    simulator = Simulator(small(name))
    simulator.reset(seed=0)
    simulator.run()
    records = simulator.records()
    turns, instances = records.turns, records.instances
    ended = ~np.isnan(turns["end_s"])
    undisturbed = turns[ended & (turns["preemptions"] == 0)]
    more = undisturbed["hit_tokens"] + undisturbed["computed_tokens"] - undisturbed["prompt_tokens"]
    # Where prefill and decode are apart, the tokens of a block begun are computed again after the first token.
    apart = name == "apart"
    assert ((more > 0) == (apart & (undisturbed["output_tokens"] > 1))).all()
    assert instances["turns"].sum() == ended.sum()
    assert instances["prefill_tokens"].sum() == turns["computed_tokens"].sum()
    for column in ("hit_tokens", "readmission_hit_tokens", "readmission_lookup_tokens"):
        assert instances[column].sum() == turns[column].sum(), column
    admitted = ~np.isnan(turns["scheduled_s"])
    assert instances["lookup_tokens"].sum() == turns["prompt_tokens"][admitted].sum()
    assert (instances["peak_blocks"] <= instances["capacity_blocks"]).all()
    if not simulator.truncated:
        assert set(records.programs["state"]) <= {"done", "failed"}
        assert instances["decode_tokens"].sum() == turns["output_tokens"][ended].sum()
    times = [turns[name][ended] for name in ("ready_s", "queued_s", "scheduled_s", "first_token_s", "end_s")]
    if not turns["preemptions"].any() and not apart:
        assert (np.diff(times, axis=0) >= 0.0).all()


# Decisions from outside.


def test_decisions_come_with_what_is_to_be_decided() -> None:
    simulator = Simulator(small("equal"), agent_kinds=("route_turn",))
    simulator.reset(seed=0)
    decision = simulator.next_decision()
    assert isinstance(decision, Decision)
    assert decision is simulator.next_decision()
    assert (decision.kind, decision.time_s) == ("route_turn", simulator.now)
    assert decision.mask.tolist() == [True, True, True]
    assert decision.mask[decision.default]
    assert simulator.programs.turn["program"][decision.turn] == decision.program >= 2
    simulator.apply(2)
    simulator.run()
    assert simulator.ended
    assert not simulator.truncated
    assert simulator.next_decision() is None
    turns = simulator.records().turns
    assert turns["instance"][decision.turn] == 2
    assert turns["routed_s"][decision.turn] == decision.time_s


def test_run_answers_as_the_rules_do() -> None:
    """An open kind that nobody answers makes no difference, and neither do answers that the rule would have given."""
    hashes = set()
    for kinds in ((), ("route_turn",)):
        simulator = Simulator(small("tight", {"rules.route_turn": "session_affinity"}), agent_kinds=kinds)
        simulator.reset(seed=4)
        simulator.run()
        hashes.add(simulator.records().content_hash())
    assert len(hashes) == 1


def test_illegal_answers_name_the_legal_ones() -> None:
    simulator = Simulator(small("faulty"), agent_kinds=("route_turn",))
    simulator.reset(seed=0)
    decision = simulator.next_decision()
    assert decision is not None
    legal = np.flatnonzero(decision.mask).tolist()
    assert legal == [0, 2]
    for action in (-1, 1, 3, 4):
        with pytest.raises(ValueError, match=f"^route_turn = {action} is not legal now; legal are: 0, 2$"):
            simulator.apply(action)
    assert simulator.next_decision() is decision
    simulator.apply(2)


def test_answers_need_a_question() -> None:
    simulator = Simulator(small("equal"), agent_kinds=("route_turn",))
    for use in (simulator.next_decision, simulator.run, simulator.records, lambda: simulator.apply(0)):
        with pytest.raises(SimulationError, match=r"reset\(\) has not been called|no decision is pending"):
            use()
    simulator.reset(seed=0)
    with pytest.raises(SimulationError, match=r"call next_decision\(\) first"):
        simulator.apply(0)
    simulator.run()
    with pytest.raises(SimulationError, match="no decision is pending"):
        simulator.apply(0)


def test_rules_replace_the_scenarios() -> None:
    params = {"route_turn": {"capacity_limit": 2.0}}
    scenario = small("equal", {"rules": {"route_turn": "session_affinity", "rule_params": params}})
    turn_counts = {}
    for rules in (None, {"route_turn": "round_robin"}, {"route_turn": "session_affinity"}):
        simulator = Simulator(scenario, rules=rules)
        simulator.reset(seed=0)
        simulator.run()
        rule = simulator.metadata()["rules"]["route_turn"]
        turn_counts[rule] = np.bincount(simulator.records().turns["instance"]).tolist()
        kept = {} if rule == "round_robin" else params
        assert simulator.scenario.rules.rule_params == kept
    assert max(turn_counts["round_robin"]) - min(turn_counts["round_robin"]) <= 1
    assert turn_counts["round_robin"] != turn_counts["session_affinity"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rules": {"route_turn": "round_robbin"}}, "round_robin"),
        ({"rules": {"route_turns": "round_robin"}}, "route_turns"),
        ({"agent_kinds": "route_turn"}, r"agent_kinds: 'route_turn' is a text: give a list, as in \['route_turn'\]"),
        ({"agent_kinds": ("route_turns",)}, "'route_turns' is not open to agents; open are: admit_program, route_turn"),
        ({"scenario": "coding_agent"}, "coding_agents"),
    ],
)
def test_what_does_not_exist_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        Simulator(**{"scenario": small("equal"), **arguments})


TICKS = {"cluster.view_delay_s": 0.5, "rules.route_turn": "saga", "rules.admit_program": "thunder_agent"}
"""What ticks: views, stealing, admission."""


@pytest.mark.parametrize("ticks", [{}, *({name: value} for name, value in TICKS.items()), TICKS])
def test_stuck_programs_are_an_error_that_says_why(ticks: dict[str, Any]) -> None:
    """Ticks alone, which come as long as anything else does, keep no simulation going."""
    work = WorkloadBuilder()
    work.program(0.0)
    leaf = work.segment(8)
    work.turn(leaf, 50, 10)
    work.turn(leaf, 80, 10)
    simulator = Simulator(small("equal", {"episode.warmup_programs": 0, **ticks}))
    simulator.reset(seed=0, programs=work.build())
    simulator.state.turn["n_parents"][1] = 1  # it waits for a tool that nobody calls
    with pytest.raises(SimulationError, match=r"stuck at \d+\.\d{3} s with 1 programs to go: no event is left"):
        simulator.run()
    assert not simulator.ended


def test_a_workload_must_have_the_blocks_of_the_cluster() -> None:
    programs = single_turns([0.0], [50], [5])._replace(block_size=32)
    with pytest.raises(ValueError, match="blocks of the programs have 32 tokens, those of the cluster 16"):
        on("H100").reset(seed=0, programs=programs)


def test_workloads_can_come_from_another_source() -> None:
    scenario = small("equal")
    simulator = Simulator(scenario, source=prepare(scenario, rate_per_s=0.1))
    simulator.reset(seed=0)
    usual = prepare(scenario).draw(0)
    assert np.allclose(simulator.programs.program["arrival_s"], usual.program["arrival_s"] * 40.0)
    assert np.array_equal(simulator.programs.turn, usual.turn)


def test_episodes_end_at_the_time_limit() -> None:
    simulator = Simulator(small("cut"), agent_kinds=("route_turn",))
    simulator.reset(seed=0)
    answer_at_random(simulator, np.random.default_rng(0))
    assert simulator.ended
    assert simulator.truncated
    assert simulator.now == 12.0
    summary = simulator.summary()
    assert 0 < summary["programs_done"] < summary["programs"] == 36
    assert summary["programs_unfinished"] == summary["programs"] - summary["programs_done"]


def test_records_say_what_they_are_of() -> None:
    simulator = Simulator(small("equal"), agent_kinds=("route_turn",))
    simulator.reset(seed=11)
    simulator.run()
    metadata = simulator.records().metadata
    assert metadata["scenario_hash"] == small("equal").content_hash()
    assert (metadata["seed"], metadata["agent_kinds"]) == (11, ["route_turn"])
    assert metadata["slo"] == {"ttft_s": 0.5, "tpot_s": 0.03}
    assert {"agentsim_env", "numba", "numpy", "python"} <= metadata["versions"].keys()


def test_records_can_be_taken_in_the_middle() -> None:
    simulator = Simulator(small("tight"), agent_kinds=("route_turn",))
    simulator.reset(seed=0)
    hashes = []
    for stop in (False, True):
        simulator.reset(seed=0)
        rng = np.random.default_rng(0)
        while answer_at_random(simulator, rng, most=10):
            if stop:
                records = simulator.records()
                assert records.now_s == simulator.now
                assert np.isnan(records.turns["end_s"]).any() or simulator.ended
        hashes.append(simulator.records().content_hash())
    assert hashes[0] == hashes[1]


def test_programs_pass_the_gate_at_every_reset_and_a_refused_one_leaves_the_episode() -> None:
    simulator = on("H100")
    simulator.reset(seed=3)
    broken = single_turns([0.0, 1.0], [50, 50], [5, 5])
    broken.turn["segment"][1] = 2**31 - 1
    with pytest.raises(InvalidProgramsError, match="turn 1: segment = 2147483647: there are 2 segments"):
        simulator.reset(seed=0, programs=broken)
    simulator.run()
    assert simulator.seed == 3
    with pytest.raises(InvalidProgramsError, match="there is no program"):
        simulator.reset(seed=0, programs=single_turns([], [], []))


def test_what_becomes_of_given_programs_later_does_not_reach_the_episode() -> None:
    simulator, given = on("H100"), single_turns([0.0, 1.0], [50, 60], [5, 5])
    simulator.reset(seed=0, programs=given)
    for array in given[:4]:
        array[:] = np.zeros(1, array.dtype)
    simulator.run()
    assert simulator.records().turns["prompt_tokens"].tolist() == [50, 60]


@pytest.mark.parametrize("seed", [np.int64(7), np.uint32(7), np.array(7)], ids=repr)
def test_whole_numbers_of_any_kind_are_seeds(seed: Any) -> None:
    simulator = Simulator(small("faulty"))
    hashes = []
    for equal in (7, seed):
        simulator.reset(equal)
        simulator.run()
        hashes.append(simulator.records().content_hash())
    assert type(simulator.seed) is int
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("seed", [-1, 2**63, None, "1", 1.0, True, np.array([1]), float("nan"), [1, 2]], ids=str)
def test_anything_else_is_no_seed(seed: Any) -> None:
    simulator = Simulator(small("equal"))
    with pytest.raises(SeedError, match=r"seed = .*: must be a whole number from 0 to 2\^63 - 1"):
        simulator.reset(seed)
    with pytest.raises(SeedError, match="must be a whole number"):
        simulator.source.draw(seed)


def test_no_memory_for_an_episode_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(import_module("agentsim_env.assembly.assemble"), "new_state", refuse)
    with pytest.raises(SimulationError, match=r"there is no memory for \d+ programs on \d+ instances: give fewer"):
        Simulator(small("equal")).reset(0)


# Pauses: compiled code comes back to Python, and nothing comes of it.


def run_in_slices(name: str, between: Callable[[], None]) -> Simulator:
    simulator = Simulator(small(name))
    simulator.reset(seed=0)
    simulator.state.world["slice_events"] = 1
    simulator.run(between)
    return simulator


@pytest.mark.parametrize("name", ["equal", "tight", "faulty", "graphs"])
def test_pauses_change_nothing(name: str) -> None:
    times: list[float] = []
    paused = run_in_slices(name, lambda: times.append(0.0))
    whole = Simulator(small(name))
    whole.reset(seed=0)
    whole.run()
    assert times
    assert paused.records().content_hash() == whole.records().content_hash()


def test_a_run_that_is_interrupted_goes_on_from_there() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    simulator = Simulator(small("tight"))
    simulator.reset(seed=0)
    simulator.state.world["slice_events"] = 20
    with pytest.raises(KeyboardInterrupt):
        simulator.run(interrupt)
    assert not simulator.ended
    simulator.run()
    whole = Simulator(small("tight"))
    whole.reset(seed=0)
    whole.run()
    assert simulator.records().content_hash() == whole.records().content_hash()


def test_the_end_of_the_clock_is_an_error_where_the_episode_has_no_limit() -> None:
    late = single_turns([1e9, 1e9], [50, 50], [5, 5])
    simulator = on("H100")
    simulator.reset(seed=0, programs=late)
    with pytest.raises(SimulationError, match=r"clock has come to its end at 1e\+09 s, with 2 programs to go"):
        simulator.run()


def test_an_outage_that_begins_as_another_ends_is_not_lost() -> None:
    def up_s(*failures: tuple[float, float]) -> Any:
        outages = [{"at_s": at_s, "down_s": down_s} for at_s, down_s in failures]
        simulator = on("H100", failures=outages)
        records = simulate(simulator, single_turns([0.0, 20.0], [50, 50], [5, 5]))
        return records.now_s - records.instances["up_s"][0]

    assert up_s((2.0, 3.0), (5.0, 4.0)) == up_s((2.0, 7.0)) == 7.0


def test_pauses_for_further_faults_do_not_lengthen_slices() -> None:
    simulator = on("H100", mtbf_s=1.0, mttr_s=1.0)
    simulator.reset(seed=0, programs=single_turns([0.0, 1e5], [50, 50], [5, 5]))
    lengths: list[int] = []
    simulator.run(lambda: lengths.append(int(simulator.state.world["slice_events"][0])))
    assert len(lengths) > 100
    assert max(lengths) < 2**20
