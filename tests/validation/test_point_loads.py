"""Loads of operating points: stages, prompts that repeat, sessions, limits of the engine in a row."""

from pathlib import Path

import numpy as np
import pytest

from agentsim_env.validation.command import validate
from agentsim_env.validation.engine_description import load_engine
from agentsim_env.validation.files import read_measurements
from agentsim_env.validation.load_programs import arrivals_s, from_load
from agentsim_env.validation.measurements import Load, Run, Stage
from agentsim_env.validation.problems import ValidationError
from agentsim_env.validation.replay import replay
from agentsim_env.validation.report import title_of


def runs(folder: Path, text: str, engine: str = "gpu: H100\nmodel: Llama-3.1-8B\nkv_blocks: 4000\nmax_num_seqs: 64\n"):
    (folder / "points.csv").write_text(text)
    (folder / "engine.yaml").write_text(engine)
    return read_measurements(folder / "points.csv", load_engine(folder / "engine.yaml"))


REPEATED = "exp,system_tokens,question_tokens,output_tokens,stage,rate_rps,stage_s,ttft_mean_ms,e2e_mean_ms\n"


def test_rows_of_one_run_are_its_stages(tmp_path: Path) -> None:
    text = REPEATED + "a,100,60,11,all,2/4,20,50,550\na,100,60,11,0,2,10,50,550\na,100,60,11,1,4,10,60,760\n"
    whole, first, second = runs(tmp_path, text).runs
    stages = (Stage(2.0, 10.0), Stage(4.0, 10.0))
    for run, counted in ((whole, -1), (first, 0), (second, 1)):
        assert run.load is not None
        assert (run.load.stages, run.load.counted, run.load.requests) == (stages, counted, 60)
        assert (run.load.prompt_tokens, run.load.system_tokens, run.load.groups, run.load.questions) == (
            160,
            100,
            10,
            10,
        )
    assert second.load is not None and second.load.counted_requests() == slice(20, 60)
    assert second.measured["tpot_s", "mean"] == pytest.approx(0.07)  # what TTFT leaves of the rest, over ten tokens
    assert whole.name == "a 160/11 (10x10 prompts) 2/4/s poisson"


def test_stages_of_one_row_share_its_time(tmp_path: Path) -> None:
    (run,) = runs(tmp_path, REPEATED + "a,100,60,11,all,2.5/6,1200,50,550\n").runs
    assert run.load is not None and run.load.stages == (Stage(2.5, 600.0), Stage(6.0, 600.0))


def test_a_stage_is_held_against_its_own_requests(tmp_path: Path) -> None:
    text = REPEATED + "a,100,60,11,0,2,10,50,550\na,100,60,11,1,20,10,60,760\n"
    described = runs(tmp_path, text)
    engine = load_engine(tmp_path / "engine.yaml")
    first, second = (replay(run, engine).requests for run in described.runs)
    assert (len(first.arrival_s), len(second.arrival_s)) == (20, 200)
    assert first.arrival_s.max() <= 10.0 <= second.arrival_s.min()


def test_requests_of_a_stage_come_within_it() -> None:
    load = Load(50, 5, 1.0, "constant", 0, 0.0, 30, stages=(Stage(1.0, 10.0), Stage(2.0, 10.0)))
    times_s = arrivals_s(load.stages, load, np.random.default_rng(0))
    assert times_s.tolist() == [*np.arange(10.0), *(10.0 + np.arange(20) / 2.0)]


def test_prompts_come_around_and_are_found(tmp_path: Path) -> None:
    """Two system prompts times two questions: from the fifth request on every prompt is known."""
    text = "system_tokens,question_tokens,output_tokens,groups,questions,rate_rps,arrivals,requests,ttft_ms\n"
    (run,) = runs(tmp_path, text + "160,64,4,2,2,1,constant,6,50\n").runs
    found = replay(run, load_engine(tmp_path / "engine.yaml")).found.hit_tokens
    assert found.tolist() == [0, 0, 160, 160, 208, 208]


def test_sessions_of_several_turns(tmp_path: Path) -> None:
    text = "isl,osl,turns,turn_tokens,gap_s,concurrency,requests,ttft_ms\n100,16,3,32,1.5,2,4,50\n"
    (run,) = runs(tmp_path, text).runs
    assert run.load is not None
    programs = from_load(run.load, 16)
    assert programs.program["n_turns"].tolist() == [3] * 4
    assert programs.turn["prompt_tokens"][:3].tolist() == [100, 148, 196]
    replayed = replay(run, load_engine(tmp_path / "engine.yaml"))
    assert replayed.requests.arrival_s[1] - replayed.requests.end_s[0] == pytest.approx(1.5)
    assert replayed.found.hit_tokens[:3].tolist() == [0, 112, 160]


def test_limits_of_a_row_are_those_of_the_engine(tmp_path: Path) -> None:
    text = "isl,osl,concurrency,total_kv_blocks,max_num_seqs,max_num_batched_tokens,gpu_mem_util,cpu_offload,ttft_ms\n"
    first, second = runs(tmp_path, text + "100,10,4,1234,32,512,0.8,20,9\n100,10,4,,,,,no,9\n").runs
    engine = load_engine(tmp_path / "engine.yaml")
    limited = first.limits.of(engine)
    assert (limited.kv_blocks, limited.max_num_seqs, limited.max_num_batched_tokens) == (1234, 32, 512)
    assert limited.gpu_memory_utilization == 0.8
    assert limited.cpu_tier is not None and limited.cpu_tier.capacity_gib == 20.0
    assert second.limits.of(engine) == engine


def test_kv_tokens_are_blocks(tmp_path: Path) -> None:
    (run,) = runs(tmp_path, "isl,osl,concurrency,kv_tokens,ttft_ms\n100,10,4,3200,9\n").runs
    assert run.limits.of(load_engine(tmp_path / "engine.yaml")).kv_blocks == 200


def test_itl_is_the_mean_over_all_tokens(tmp_path: Path) -> None:
    text = "isl,osl,concurrency,requests,itl_mean_ms,itl_p90_ms\n100,11,2,4,9.5,20\n"
    (run,) = runs(tmp_path, text).runs
    assert run.measured == {("itl_s", "mean"): pytest.approx(0.0095)}
    (outcome,) = validate(tmp_path / "points.csv", tmp_path / "engine.yaml").outcomes
    requests = outcome.replay.requests
    found = outcome.difference("itl_s", "mean")
    assert found is not None
    assert found.simulated == pytest.approx(float((requests.end_s - requests.first_token_s).sum()) / 40)


def test_lengths_may_be_totals(tmp_path: Path) -> None:
    (run,) = runs(tmp_path, "input_tokens,output_tokens,requests,rate_rps,ttft_ms\n5000,500,10,2,9\n").runs
    assert run.load is not None and (run.load.prompt_tokens, run.load.output_tokens) == (500, 50)


@pytest.mark.parametrize("column", ["dtype", "precision"])
def test_a_row_that_leaves_its_precision_empty_is_left_out_and_said(tmp_path: Path, column: str) -> None:
    found = runs(tmp_path, f"{column},isl,osl,concurrency,ttft_ms\nbf16,100,10,4,9\n,100,10,4,9\n")
    assert len(found.runs) == 1
    assert found.left_out == (f"points.csv: 1 rows left out (1: empty {column})",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            REPEATED + "a,100,60,11,all,2/4,,5,6\n",
            "stage_s is empty; must be the seconds of all stages of 2/4 together",
        ),
        (REPEATED + "a,100,60,11,all,2/x,9,5,6\n", "rate_rps is x; must be a number of at least"),
        (REPEATED + "a,100,60,11,1,2,9,5,6\n", "stage: a has stages [1]; must be 0, 1, ... each once"),
        (
            "isl,osl,turns,concurrency,ttft_ms\n100,10,3,1,9\n",
            "turn_tokens is empty; must say what each of the further",
        ),
        ("isl,osl,concurrency,gpu_mem_util,ttft_ms\n100,10,1,1.5,9\n", "gpu_mem_util is 1.5; must be at most 1"),
        ("isl,osl,concurrency,kv_blocks,total_kv_blocks,ttft_ms\n100,10,1,5,6,9\n", "contradict each other"),
        ("isl,osl,concurrency,cpu_offload,ttft_ms\n100,10,1,much,9\n", "cpu_offload is much; must be a number"),
    ],
)
def test_errors_say_where_and_what_is_allowed(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValidationError) as error:
        runs(tmp_path, text)
    assert "points.csv:" in str(error.value) and message in str(error.value)


def test_a_model_given_by_its_path_has_a_short_title(tmp_path: Path) -> None:
    config = tmp_path / "some" / "Tiny"
    config.mkdir(parents=True)
    (config / "config.json").write_text(
        '{"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 256, "num_attention_heads": 4,'
        ' "intermediate_size": 512, "vocab_size": 1000, "max_position_embeddings": 4096}'
    )
    (tmp_path / "engine.yaml").write_text(f"gpu: H100\nmodel: {config}/config.json\n")
    assert title_of(load_engine(tmp_path / "engine.yaml")) == "H100, Tiny, tp 1, bf16"


def test_the_open_loop_rows_that_we_have(measured: Path) -> None:
    file = measured / "vllm_h100_openloop.csv"
    engine = load_engine("h100_llama-3.1-70b_fp8").model_copy(
        update={
            "model": "Mistral-Nemo-12B",
            "tp": 1,
            "dtype": "bf16",
            "rows": {"model": "mistralai/Mistral-Nemo-Instruct-2407"},
        }
    )
    found = read_measurements(file, engine)
    assert [run.load.requests for run in found.runs if run.load] == [9000] * 3
    assert isinstance(found.runs[0], Run) and found.runs[0].limits.kv_blocks == 19251
