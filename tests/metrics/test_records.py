import json
from pathlib import Path

import numpy as np
import pytest

from agentsim_env.metrics import Records, load_records, save_records, summarise
from agentsim_env.metrics.records import INSTANCES, PROGRAMS, TURNS
from agentsim_env.scenario.episode import Slo
from agentsim_env.workload import ChainTurn, ProgramBuilder
from tests.metrics.episodes import chains, engine, run


@pytest.fixture(scope="module")
def records() -> Records:
    return run(chains(), [engine(), engine(kv_blocks=256)], warmup_programs=2)


def test_columns(records: Records) -> None:
    assert records.turns.dtype == TURNS
    assert records.programs.dtype.names == ("state", "family", "tenant", *(PROGRAMS.names or ()))
    assert records.instances.dtype.names == ("gpu", "model", *(INSTANCES.names or ()))
    assert records.programs["family"].tolist() == ["coder", "chat"] * 3
    assert records.turns["turn_index"].tolist() == [0, 1, 2, 3] * 6
    assert records.programs["counted"].tolist() == [False] * 2 + [True] * 4
    assert len(records.counted_turns) == 16
    assert len(records.counted_programs) == 4


def test_turns_in_order(records: Records) -> None:
    turns = records.turns
    for earlier, later in (("ready_s", "routed_s"), ("queued_s", "scheduled_s"), ("scheduled_s", "first_token_s")):
        assert np.all(turns[earlier] <= turns[later])
    assert np.all(turns["hit_tokens"] + turns["computed_tokens"] == turns["prompt_tokens"])
    assert turns["recomputed_tokens"].tolist() == np.maximum(0, turns["computed_tokens"] - turns["new_tokens"]).tolist()
    assert turns["queueing_s"] == pytest.approx(turns["scheduled_s"] - turns["ready_s"] - 0.01, abs=1e-12)


def test_programs_and_instances_add_up(records: Records) -> None:
    turns, programs, instances = records.turns, records.programs, records.instances
    assert programs["jct_s"] == pytest.approx(programs["end_s"] - programs["arrival_s"])
    assert np.all(programs["slowdown"] >= 1.0)
    assert instances["turns"].sum() == len(turns)
    assert instances["decode_tokens"].sum() == turns["output_tokens"].sum()
    assert instances["prefill_tokens"].sum() == turns["computed_tokens"].sum()
    assert np.all(instances["asked_tokens"] == instances["hit_tokens"] + instances["prefill_tokens"])
    assert instances["lookup_tokens"].sum() == turns["prompt_tokens"].sum()
    assert instances["up_s"].tolist() == [records.now_s] * 2
    assert instances["cost_usd"] == pytest.approx(records.now_s * 0.001)
    assert np.all(instances["peak_blocks"] <= instances["capacity_blocks"])


def test_an_instance_that_starts_late_is_up_later() -> None:
    records = run(chains(), [engine(), engine(start_s=0.7)])
    assert records.instances["up_s"] == pytest.approx([records.now_s, records.now_s - 0.7])


def test_a_failed_program_has_no_jct() -> None:
    builder = ProgramBuilder()
    for tokens in (100, 40_000):
        builder.add_chain(builder.add_program(), [ChainTurn(tokens, 5)])
    records = run(builder.build(), [engine()])
    assert records.programs["state"].tolist() == ["done", "failed"]
    assert np.isnan(records.programs["jct_s"]).tolist() == [False, True]
    assert summarise(records)["programs_failed"] == 1.0


def test_hash_is_of_the_rows_alone(records: Records) -> None:
    again = run(chains(), [engine(), engine(kv_blocks=256)], warmup_programs=2)
    again.metadata["seed"] = 7
    assert again.content_hash() == records.content_hash()
    turns = again.turns.copy()
    turns["end_s"][3] = np.nextafter(turns["end_s"][3], np.inf)
    changed = Records(turns, again.programs, again.instances, again.now_s)
    assert changed.content_hash() != records.content_hash()
    assert run(chains(), [engine(), engine()], warmup_programs=2).content_hash() != records.content_hash()


def test_metadata_has_versions(records: Records) -> None:
    assert records.metadata["scenario"] == "test"
    assert set(records.metadata["versions"]) == {"agentsim_env", "numpy", "numba", "python"}


def test_frames(records: Records) -> None:
    frames = records.to_frames()
    assert list(frames) == ["turns", "programs", "instances"]
    assert frames["turns"]["end_s"].tolist() == records.turns["end_s"].tolist()
    assert frames["programs"]["state"].unique().tolist() == ["done"]


def test_save_and_load(records: Records, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "one"
    save_records(records, folder, Slo(ttft_s=2.0))
    assert sorted(path.name for path in folder.iterdir()) == [
        "instances.parquet",
        "programs.parquet",
        "summary.json",
        "turns.parquet",
    ]
    content = json.loads((folder / "summary.json").read_text())
    assert content["summary"] == summarise(records, Slo(ttft_s=2.0))
    assert content["slo"] == {"ttft_s": 2.0}
    assert content["content_hash"] == records.content_hash()
    loaded = load_records(folder)
    assert loaded.content_hash() == records.content_hash()
    assert loaded.turns.dtype == records.turns.dtype
    assert loaded.metadata == records.metadata
    assert loaded.now_s == records.now_s


def test_unfinished_episodes_can_be_saved(tmp_path: Path) -> None:
    records = run(chains(), [engine()], time_limit_s=1.0)
    assert np.isnan(records.programs["end_s"]).any()
    save_records(records, tmp_path)
    assert load_records(tmp_path).content_hash() == records.content_hash()


def test_other_files_stay_and_a_mixture_is_noticed(records: Records, tmp_path: Path) -> None:
    (tmp_path / "model.zip").write_text("mine")
    save_records(records, tmp_path)
    assert (tmp_path / "model.zip").read_text() == "mine"
    save_records(run(chains(n=3), [engine()]), tmp_path / "other")
    (tmp_path / "other" / "turns.parquet").replace(tmp_path / "turns.parquet")
    with pytest.raises(ValueError, match=r"not those that summary\.json was written with"):
        load_records(tmp_path)


def test_a_strange_parquet_file_is_an_error(records: Records, tmp_path: Path) -> None:
    save_records(records, tmp_path)
    (tmp_path / "turns.parquet").write_bytes((tmp_path / "programs.parquet").read_bytes())
    with pytest.raises(ValueError, match=r"turns\.parquet: columns are"):
        load_records(tmp_path)
