"""Streams by name: what one purpose draws depends on nothing that others draw."""

import pytest

from tests.engine.random_scenarios.streams import Streams


def test_a_new_purpose_moves_no_other() -> None:
    alone = Streams(7)("tools").random(5).tolist()
    streams = Streams(7)
    streams("something new").random(100)
    assert streams("tools").random(5).tolist() == alone


def test_purposes_and_seeds_have_bits_of_their_own() -> None:
    drawn = [Streams(seed)(name).random() for seed in range(3) for name in ("first tier", "tenants", "instance 1")]
    assert len(set(drawn)) == len(drawn)


def test_two_purposes_cannot_share_a_stream() -> None:
    streams = Streams(7)
    streams("tools")
    with pytest.raises(AssertionError, match="two purposes share the stream 'tools'"):
        streams("tools")
