"""docs/performance.md, from what `benchmarks.speed` and `benchmarks.peers` have measured."""

from benchmarks.performance.page import write_page

__all__ = ["write_page"]
