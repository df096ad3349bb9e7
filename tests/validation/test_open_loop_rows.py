"""The open-loop rows of vLLM 0.15.1 on H100: whole prompts repeat, so that steps and sequences decide, not prefills."""

from pathlib import Path

import numpy as np
import pytest

from agentsim_env.validation.command import validate
from agentsim_env.validation.engine_description import load_engine, shipped_engines

ENGINES = [name for name in shipped_engines() if name.endswith("vllm-0.15")]
BARS = {"tpot_s": 0.03, "e2e_s": 0.03}  # of the mean, in any row
TTFT_BAR = 0.08  # of the mean, over all rows


@pytest.fixture(scope="module")
def errors(measured: Path) -> dict[str, list[float]]:
    """Errors of the means by metric, of every row of every engine."""
    found: dict[str, list[float]] = {}
    for name in ENGINES:
        for outcome in validate(measured / "vllm_h100_openloop.csv", load_engine(name), lambda _: True).outcomes:
            for one in outcome.differences:
                if one.statistic == "mean":
                    found.setdefault(one.metric, []).append(abs(one.error))
    return found


def test_all_ten_rows_are_replayed(errors: dict[str, list[float]]) -> None:
    assert len(errors["e2e_s"]) == len(errors["ttft_s"]) == len(errors["tpot_s"]) == 10


@pytest.mark.parametrize(("metric", "bar"), BARS.items())
def test_every_row_is_met(errors: dict[str, list[float]], metric: str, bar: float) -> None:
    assert max(errors[metric]) <= bar


def test_times_to_a_first_token_are_met_on_average(errors: dict[str, list[float]]) -> None:
    assert np.mean(errors["ttft_s"]) <= TTFT_BAR
