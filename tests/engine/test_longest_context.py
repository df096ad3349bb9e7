"""The longest contexts that instances can hold, beside what the reference says of single turns."""

from typing import NamedTuple

import pytest

from agentsim_env.engine.longest_context import held_tokens, longest_context_tokens, taken_tokens


class Instance(NamedTuple):
    kv_blocks: int
    max_model_len_tokens: int
    mode: str = "mixed"


def test_an_instance_holds_what_its_pool_and_its_engine_do() -> None:
    assert held_tokens(Instance(100, 4096), 16) == 1600
    assert held_tokens(Instance(100, 1000), 16) == 1000


def test_what_is_prefilled_has_to_find_a_place_to_decode() -> None:
    decoding = [Instance(50, 4096, "decode"), Instance(70, 4096, "decode")]
    prefilling = [Instance(100, 4096, "prefill"), Instance(60, 4096, "prefill")]
    assert taken_tokens([*prefilling, *decoding], 10) == [700, 600, 500, 700]
    assert longest_context_tokens([*prefilling, *decoding], 10) == 700
    assert longest_context_tokens([prefilling[1], *decoding], 10) == 600
    assert longest_context_tokens([prefilling[1], *decoding, Instance(90, 800)], 10) == 800


@pytest.mark.parametrize("mode", ["mixed", "prefill_first"])
def test_the_largest_instance_counts(mode: str) -> None:
    assert longest_context_tokens([Instance(10, 4096, mode), Instance(30, 4096, mode)], 16) == 480
