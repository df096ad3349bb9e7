"""Prose of written pages is wrapped; what must not be broken is left alone."""

import pytest

from agentsim_env.prose import WIDTH, wrapped

LONG = " ".join(["word"] * 40)


def test_long_lines_are_broken_between_words() -> None:
    lines = wrapped(f"short\n\n{LONG}\n").split("\n")
    assert all(len(line) <= WIDTH for line in lines)
    assert " ".join(lines).split() == ["short", *LONG.split()]


def test_lines_of_a_bullet_stand_below_its_text() -> None:
    first, *others = wrapped(f"  * {LONG}").split("\n")
    assert first.startswith("  * word")
    assert others and all(line.startswith("    word") for line in others)


@pytest.mark.parametrize("line", [f"| {LONG} |", f"<details>{LONG}", f"```sh\n{LONG}\n```", "a" * 200])
def test_tables_listings_html_and_long_words_stay(line: str) -> None:
    assert wrapped(line) == line


def test_what_is_wrapped_stays() -> None:
    once = wrapped(f"{LONG}\n* {LONG}")
    assert wrapped(once) == once
