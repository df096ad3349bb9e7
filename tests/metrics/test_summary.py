import math

import numpy as np
import pytest

from agentsim_env.metrics import Records, summarise
from agentsim_env.metrics.objectives import Objectives
from agentsim_env.metrics.records import INSTANCES, PROGRAMS, TURNS, with_names
from agentsim_env.metrics.summary import programs_in_slo, tpot_s, ttft_s, turns_in_slo
from agentsim_env.scenario.episode import Slo
from tests.metrics.episodes import chains, engine, run


@pytest.fixture
def records() -> Records:
    """Three programs by hand: a warm-up, a good one of two turns and a slow one."""
    turns = np.zeros(4, TURNS)
    turns["program"] = [0, 1, 1, 2]
    turns["turn_index"] = [0, 0, 1, 0]
    turns["ready_s"] = [0.0, 1.0, 4.0, 2.0]
    turns["scheduled_s"] = [0.1, 1.1, 4.1, 5.0]
    turns["queueing_s"] = [0.1, 0.1, 0.1, 3.0]
    turns["first_token_s"] = [1.0, 1.5, 4.5, 6.0]
    turns["end_s"] = [2.0, 2.5, 4.5, 9.0]
    turns["prompt_tokens"] = [999, 100, 200, 100]
    turns["output_tokens"] = [9, 11, 1, 31]
    turns["hit_tokens"] = [0, 0, 150, 20]
    turns["readmission_hit_tokens"] = [0, 0, 0, 90]
    turns["readmission_lookup_tokens"] = [9, 0, 0, 150]
    turns["computed_tokens"] = [999, 100, 50, 150]
    turns["recomputed_tokens"] = [0, 0, 10, 100]
    turns["preemptions"] = [5, 0, 0, 2]
    programs = np.zeros(3, PROGRAMS)
    programs["arrival_s"] = [0.0, 1.0, 2.0]
    programs["end_s"] = [2.0, 4.5, 9.0]
    programs["jct_s"] = [2.0, 3.5, 7.0]
    programs["gap_s"] = [0.0, 1.5, 0.0]
    programs["ideal_s"] = [1.0, 2.5, 2.0]
    programs["slowdown"] = [2.0, 1.4, 3.5]
    programs["deadline_s"] = [np.inf, 5.0, 8.0]
    programs["n_turns"] = [1, 2, 1]
    programs["counted"] = [False, True, True]
    instances = np.zeros(1, INSTANCES)
    instances["up_s"], instances["busy_s"], instances["cost_usd"] = 10.0, 6.0, 3.0
    texts = {"state": np.array(["done"] * 3), "family": np.array(["a", "b", "b"]), "tenant": np.array(["t"] * 3)}
    hardware = {"gpu": np.array(["H100"]), "model": np.array(["M"])}
    return Records(turns, with_names(programs, texts), with_names(instances, hardware), now_s=10.0)


def test_figures_by_hand(records: Records) -> None:
    figures = summarise(records)
    assert {name: figures[name] for name in ("programs", "programs_done", "turns", "programs_unfinished")} == {
        "programs": 2.0,
        "programs_done": 2.0,
        "turns": 3.0,
        "programs_unfinished": 0.0,
    }
    assert figures["mean_jct_s"] == 5.25
    assert figures["p50_jct_s"] == 5.25
    assert figures["p90_jct_s"] == pytest.approx(6.65)
    assert figures["mean_slowdown"] == pytest.approx(2.45)
    assert figures["mean_ttft_s"] == pytest.approx((0.5 + 0.5 + 4.0) / 3)
    # A turn of one token has no time per further token.
    assert figures["mean_tpot_s"] == pytest.approx(0.1)
    assert figures["mean_queueing_s"] == pytest.approx(3.2 / 3)
    assert figures["mean_gap_s"] == 0.75
    assert figures["makespan_s"] == 8.0
    assert figures["programs_per_s"] == 0.25
    assert figures["output_tokens_per_s"] == 43 / 8
    assert figures["tokens_per_s"] == 443 / 8
    # Of the prompts of the counted turns; what the last one found when it came back stands beside it.
    assert figures["hit_rate"] == 170 / 400
    assert figures["readmission_hit_rate"] == 90 / 150
    assert figures["readmission_lookup_tokens"] == 150.0
    assert figures["recomputed_tokens"] == 110.0
    assert figures["preemptions"] == 2.0
    assert figures["utilisation"] == 0.6
    assert figures["cost_usd_per_1k_programs"] == 1000.0
    assert figures["deadlines_met"] == 0.5


def test_without_objectives_all_that_is_done_is_good(records: Records) -> None:
    figures = summarise(records)
    assert figures["goodput_programs_per_s"] == figures["programs_per_s"]
    assert figures["programs_in_slo"] == figures["turns_in_slo"] == 1.0


@pytest.mark.parametrize(
    ("slo", "good_turns", "good_programs"),
    [
        (Slo(ttft_s=1.0), [True, True, True, False], [True, True, False]),
        (Slo(ttft_s=0.4), [False, False, False, False], [False, False, False]),
        (Slo(tpot_s=0.1), [False, True, True, True], [False, True, True]),
        (Slo(tpot_s=0.099), [False, False, True, False], [False, False, False]),
        (Slo(slowdown=1.5), [True] * 4, [False, True, False]),
        (Slo(ttft_s=5.0, tpot_s=1.0, slowdown=9.0), [True] * 4, [True] * 3),
    ],
)
def test_objectives(records: Records, slo: Slo, good_turns: list[bool], good_programs: list[bool]) -> None:
    objectives = Objectives(**slo.model_dump(exclude_none=True))
    assert turns_in_slo(records.turns, objectives).tolist() == good_turns
    assert programs_in_slo(records.programs, records.turns, objectives).tolist() == good_programs
    assert summarise(records, slo)["goodput_programs_per_s"] == sum(good_programs[1:]) / 8
    assert summarise(records, slo)["goodput_turns_per_s"] == sum(good_turns[1:]) / 8


def test_objectives_of_the_metadata(records: Records) -> None:
    records.metadata["slo"] = {"slowdown": 1.5}
    assert summarise(records)["programs_in_slo"] == 0.5
    assert summarise(records, Slo(slowdown=5.0))["programs_in_slo"] == 1.0


def test_what_has_no_sample_is_left_out() -> None:
    records = run(chains(), [engine()], time_limit_s=0.005)
    figures = summarise(records)
    assert figures["programs_unfinished"] == 6.0
    assert not [name for name in figures if name.startswith(("mean_", "p50_"))]
    assert "hit_rate" not in figures
    assert all(math.isfinite(value) for value in figures.values())


def test_an_episode_that_was_cut_has_finite_figures() -> None:
    figures = summarise(run(chains(), [engine()], time_limit_s=2.0))
    assert figures["programs_unfinished"] > 0
    assert figures["mean_ttft_s"] > 0
    assert figures["makespan_s"] == 2.0
    assert all(math.isfinite(value) for value in figures.values())


def test_times_agree_with_the_engine() -> None:
    records = run(chains(), [engine(), engine()])
    assert np.all(ttft_s(records.turns) > 0.01)
    one = records.turns["output_tokens"] == 1
    assert np.isnan(tpot_s(records.turns)).tolist() == one.tolist()
    assert np.all(records.turns["queueing_s"] >= 0)
    figures = summarise(records)
    assert figures["mean_jct_s"] >= figures["mean_gap_s"]
    assert figures["mean_slowdown"] >= 1.0
