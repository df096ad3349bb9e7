"""Writes the second half of docs/fidelity.md and leaves the first as it is.

`python -m agentsim_env.validation.programs --data DATA --out docs/fidelity.md`
"""

import argparse
from pathlib import Path

from agentsim_env.validation.halves import first_half, joined
from agentsim_env.validation.programs.page import page


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m agentsim_env.validation.programs", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with validation/ and traces/")
    parser.add_argument("--out", type=Path, default=Path("docs/fidelity.md"))
    asked = parser.parse_args()
    second = page(asked.data)
    asked.out.write_text(joined(first_half(asked.out.read_text(encoding="utf-8")), second), encoding="utf-8")


if __name__ == "__main__":
    main()
