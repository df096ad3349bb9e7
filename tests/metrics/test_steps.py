"""Steps of societies in records, figures, reports and files."""

from pathlib import Path

import numpy as np
import pytest

from agentsim_env.metrics import Records, load_records, save_records
from agentsim_env.metrics.report import markdown
from agentsim_env.metrics.summary import summarise
from agentsim_env.workload import ProgramBuilder, Programs
from tests.metrics.episodes import chains, engine, run


def agents(step_s: float = 0.0) -> Programs:
    """Two societies: one acts in steps 0 and 2, the other in step 1 only."""
    builder = ProgramBuilder()
    first, second = builder.add_society(step_s), builder.add_society(step_s)
    segment = builder.add_segment(8)
    for society, steps in ((first, (0, 2)), (first, (0, 2)), (second, (1,))):
        program = builder.add_program(society=society)
        for step in steps:
            builder.add_turn(program, segment, prompt_tokens=100, output_tokens=10, step=step)
    return builder.build()


def test_rows_of_steps() -> None:
    records = run(agents(step_s=5.0), [engine()])
    steps, turns = records.steps, records.turns
    assert steps["society"].tolist() == [0, 0, 0, 1, 1]
    assert steps["step"].tolist() == [0, 1, 2, 0, 1]
    assert steps["calls"].tolist() == [2, 0, 2, 0, 1]
    assert steps["begun_s"].tolist() == [0.0, 5.0, 10.0, 0.0, 5.0]
    assert steps["ended_s"][1] == 5.0
    assert steps["ended_s"][0] == turns["end_s"][[0, 2]].max()
    assert (steps["stall_s"] == 0.0).all()
    steps = run(agents(), [engine()]).steps
    assert (steps["stall_s"] == steps["ended_s"] - steps["begun_s"]).all()


def test_figures_are_of_steps_in_which_somebody_calls() -> None:
    records = run(agents(), [engine()])
    lasted_s = (records.steps["ended_s"] - records.steps["begun_s"])[[0, 2, 4]]
    figures = summarise(records)
    assert figures["steps"] == 3
    assert figures["mean_step_s"] == pytest.approx(lasted_s.mean())
    assert figures["mean_step_stall_s"] == pytest.approx(lasted_s.mean())
    assert figures["p50_step_s"] == pytest.approx(np.median(lasted_s))


def test_the_report_shows_them_where_there_are_any() -> None:
    assert "| stall of a step (s) |" in markdown(run(agents(), [engine()]))
    without = run(chains(), [engine()])
    assert "step" not in markdown(without)
    assert not any("step" in name for name in summarise(without))


def test_they_are_saved_and_count_in_the_hash(tmp_path: Path) -> None:
    records = run(agents(), [engine()])
    save_records(records, tmp_path / "with")
    again = load_records(tmp_path / "with")
    assert np.array_equal(again.steps, records.steps)
    assert set(again.to_frames()) == {"turns", "programs", "instances", "steps"}
    bare = Records(records.turns, records.programs, records.instances, records.now_s)
    assert bare.content_hash() != records.content_hash()
    save_records(bare, tmp_path / "without")
    assert not (tmp_path / "without" / "steps.parquet").exists()
    assert len(load_records(tmp_path / "without").steps) == 0


def test_an_episode_that_is_cut_short_has_steps_without_an_end() -> None:
    records = run(agents(step_s=5.0), [engine()], time_limit_s=7.0)
    assert np.isnan(records.steps["begun_s"]).tolist() == [False, False, True, False, False]
    assert summarise(records)["steps"] == 2
