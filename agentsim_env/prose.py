"""Prose of the pages that commands write."""

import re
import textwrap

WIDTH = 120


def wrapped(page: str) -> str:
    """A Markdown page whose lines of prose are no longer than `WIDTH`; tables, listings and HTML stay as they are."""
    lines: list[str] = []
    in_listing = False
    for line in page.split("\n"):
        in_listing ^= line.lstrip().startswith("```")
        if len(line) <= WIDTH or in_listing or line.lstrip().startswith(("|", "<")):
            lines.append(line)
            continue
        bullet = re.match(r" *(?:\* )?", line)
        indent = " " * len(bullet[0] if bullet else "")
        lines += textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)
