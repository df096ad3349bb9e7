"""SWE-agent trajectories: what is sent when, what of it is shared, and what came of it on vLLM."""

from pathlib import Path

import pytest

from agentsim_env.validation.problems import ValidationError
from agentsim_env.validation.programs.swe_agent import Cohorts, capped_steps, read_cohorts, whole_steps
from agentsim_env.validation.programs.swe_agent_cells import replay_cells
from agentsim_env.validation.programs.swe_agent_page import E2E_BAR, GPU_BAR, TIER_BAR

TWO = Cohorts(((1300, 1450), (1400,)), (((1300, 1450), (1260,)), ((1400,),)))


def test_steps_are_sent_in_turn() -> None:
    steps = capped_steps(TWO, 2, 16)
    assert steps.programs.program["arrival_s"].tolist() == [0.0, 0.5, 1.0]
    assert steps.programs.turn["prompt_tokens"].tolist() == [1300, 1400, 1450]
    assert steps.step.tolist() == [0, 0, 1]


def test_slots_play_whole_trajectories_one_after_another() -> None:
    steps = whole_steps(TWO, 16)
    assert steps.programs.program["arrival_s"].tolist() == [0.0, 0.5, 1.0, 2.0]
    assert steps.programs.turn["prompt_tokens"].tolist() == [1300, 1400, 1450, 1260]
    assert steps.step.tolist() == [0, 0, 1, 0]


def blocks_shared(steps, one: int, other: int) -> int:
    """Leading blocks that two requests have in common."""
    segment, turn = steps.programs.segment, steps.programs.turn

    def path(turn_id: int) -> list[int]:
        found, at = [], int(turn["segment"][turn_id])
        while at >= 0:
            found.append(at)
            at = int(segment["parent"][at])
        return found[::-1]

    return sum(int(segment["n_blocks"][a]) for a, b in zip(path(one), path(other), strict=False) if a == b)


def test_a_step_begins_with_the_one_before_it_and_all_with_the_system_prompt() -> None:
    steps = capped_steps(TWO, 2, 16)
    assert blocks_shared(steps, 0, 2) == (1300 - 3) // 16
    assert blocks_shared(steps, 0, 1) == 1242 // 16


def test_a_line_of_another_kind_is_told(tmp_path: Path) -> None:
    (tmp_path / "cohorts.jsonl").write_text('{"session": 0, "prompt_tokens": [5]}\n{"lot": 3}\n')
    with pytest.raises(ValidationError, match=r"cohorts.jsonl:2: must be an object with session or trajectory"):
        read_cohorts(tmp_path / "cohorts.jsonl")


def test_the_measured_cells(measured: Path) -> None:
    cells = replay_cells(measured.parent)
    assert len(cells) == 14
    assert [cell.chosen for cell in cells].count(True) == 1
    known = [cell for cell in cells if "gpu" in cell.measured]
    assert all(abs(cell.apart("gpu")) <= GPU_BAR + 0.001 for cell in known)
    far = {(c.slots, c.variant, c.tier_gib) for c in known if abs(c.apart("tier_hit")) > TIER_BAR}
    assert far == {(48, "lazy4", 40.0), (14, "eager", 40.0), (14, "lazy64", 20.0), (14, "lazy4", 20.0)}
    slow = {(c.slots, c.variant) for c in cells if abs(c.error("e2e_p50")) > E2E_BAR}
    assert slow == {(24, "eager")}
