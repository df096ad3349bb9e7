"""The compiled engine and the reference simulator leave the same records, field for field."""

from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from tests.agreement.compare import compare
from tests.engine.random_scenarios import KNOBS, Knobs, build, knobs_of

N_SCENARIOS = 240


@pytest.fixture(scope="module")
def compared(pytestconfig: pytest.Config) -> Iterator[Counter[str]]:
    """Counts what the tests of this module compare, and prints it at their end."""
    total: Counter[str] = Counter()
    yield total
    capture = pytestconfig.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        print("\ncompared: " + ", ".join(f"{n:,} {name}" for name, n in total.items()))


def check(knobs: Knobs, compared: Counter[str]) -> None:
    verdict = compare(build(knobs))
    compared.update(verdict.counted)
    assert not verdict.found, f"{knobs}: {len(verdict.found)} differences\n" + "\n".join(verdict.found[:20])


@pytest.mark.parametrize("seed", range(N_SCENARIOS))
def test_same_records(seed: int, compared: Counter[str]) -> None:
    check(knobs_of(seed), compared)


@given(knobs=KNOBS)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_same_records_on_scenarios_that_shrink(compared: Counter[str], knobs: Knobs) -> None:
    check(knobs, compared)


def test_blocks_that_come_free_in_a_run_of_merged_prefills(compared: Counter[str]) -> None:
    """One simulator begins a new run there and the other does not: iterations take the same time either way."""
    check(replace(knobs_of(200232), giving_way=True), compared)
