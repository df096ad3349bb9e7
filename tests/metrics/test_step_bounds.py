import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsim_env.engine.latency.interpolation import table_at
from agentsim_env.hardware.profile import Profile
from agentsim_env.metrics.step_bounds import decode_pieces, fleet, lowest_lines, step_bounds
from tests.engine.random_scenarios.profiles import random_profile
from tests.metrics.episodes import PLAIN, engine

SECONDS = st.integers(0, 10_000).map(lambda k: k / 1_000)
LINES = st.lists(st.tuples(SECONDS, SECONDS.map(lambda s: s / 10)), min_size=1, max_size=8)


def value(pieces: tuple[np.ndarray, np.ndarray, np.ndarray], x: float) -> float:
    ends, bases, slopes = pieces
    at = int(np.searchsorted(ends, x))
    return float(bases[at] + slopes[at] * x)


@given(lines=LINES, floor=LINES, x=st.floats(0, 1000))
def test_pieces_are_the_larger_of_lowest_and_floor(
    lines: list[tuple[float, float]], floor: list[tuple[float, float]], x: float
) -> None:
    pieces = decode_pieces(lines, floor)
    assert pieces[0][-1] == np.inf
    assert np.all(np.diff(pieces[0]) > 0)
    expected = max(min(a + b * x for a, b in lines), max(a + b * x for a, b in floor))
    assert value(pieces, x) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_lines_that_are_never_lowest_are_left_out() -> None:
    assert lowest_lines([(0.0, 3.0), (5.0, 5.0), (1.0, 2.0), (2.1, 1.9), (4.0, 1.0)]) == [
        (0.0, 3.0),
        (1.0, 2.0),
        (4.0, 1.0),
    ]


def test_table_is_read_as_the_profile_reads_it() -> None:
    points = np.arange(1.0, 900.0)
    read = table_at(points, PLAIN.dense_tokens, PLAIN.dense_s)
    assert read == pytest.approx([PLAIN.dense_layers_s(point) for point in points], rel=1e-12)


def as_profile(seed: int) -> Profile:
    return Profile(**vars(random_profile(np.random.default_rng(seed))))


@pytest.mark.parametrize("seed", range(20))
def test_no_decode_iteration_is_shorter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    profile = as_profile(seed)
    bounds = step_bounds(profile, 64, 8)
    pieces = (bounds.decode_to, bounds.decode_s, bounds.decode_per_token_s)
    for _ in range(200):
        contexts = rng.integers(1, 400, rng.integers(1, 9)).tolist()
        chunk = int(rng.integers(0, 64 - len(contexts)))
        chunks = [(chunk, int(rng.integers(0, 300)))] if chunk and len(contexts) < 8 else []
        step_s = profile.iteration_s(contexts, chunks)
        assert step_s >= value(pieces, max(contexts)) * (1 - 1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_attention_bound_does_not_depend_on_the_cuts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    profile = as_profile(seed)
    bounds = step_bounds(profile, 64, 8)
    for _ in range(200):
        cached, chunks = int(rng.integers(0, 300)), rng.integers(1, 65, rng.integers(1, 6))
        starts = cached + np.cumsum(chunks) - chunks
        attention_s = sum(profile.chunk_s(float(c), float(k)) for c, k in zip(chunks, starts, strict=True))
        n = int(chunks.sum())
        assert attention_s >= (bounds.pair_s * n * (cached + n / 2) + bounds.chunk_token_s * n) * (1 - 1e-12)


def test_equal_engines_count_once() -> None:
    engines = [engine(), engine(), engine(kv_blocks=100), engine(max_num_batched_tokens=256)]
    bounds = fleet(engines, 16)
    assert bounds.max_context.tolist() == [32_768, 1600, 32_768]
    assert bounds.max_tokens.tolist() == [512, 512, 256]
    assert fleet(engines, 16) is bounds
