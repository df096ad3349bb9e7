"""docs/fidelity.md has two halves, each written by a command of its own: single runs of engines, and programs."""

SECOND_TITLE = "## Programs"
_MARK = f"\n{SECOND_TITLE}\n"


def first_half(page: str) -> str:
    """What stands ahead of the second half."""
    return page.partition(_MARK)[0].rstrip() + "\n"


def second_half(page: str) -> str:
    """The second half; empty if there is none."""
    _, mark, rest = page.partition(_MARK)
    return f"{SECOND_TITLE}\n{rest}" if mark else ""


def joined(first: str, second: str) -> str:
    """A page of both halves."""
    return f"{first.rstrip()}\n\n{second}" if second else first
