"""`python -m agentsim_env.hardware.measure`: measure a model's layers here."""

import argparse
from pathlib import Path

from agentsim_env.hardware.catalog import find_model
from agentsim_env.hardware.measure.bundle import Grid, measure


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m agentsim_env.hardware.measure",
        description="Time a model's layers with torch and write tables for agentsim_env.hardware.calibrate.",
    )
    parser.add_argument("out", type=Path, help="folder for the tables")
    parser.add_argument("--model", required=True, help="name, or path to a config.json")
    parser.add_argument("--tp", type=int, default=1, help="measure one rank's share of the model")
    parser.add_argument("--device", default="cuda")
    default = Grid()
    parser.add_argument("--max-tokens", type=int, default=default.max_tokens)
    parser.add_argument("--max-context-tokens", type=int, default=default.max_context_tokens)
    parser.add_argument("--max-sequences", type=int, default=default.max_sequences)
    parser.add_argument("--repeats", type=int, default=default.repeats)
    asked = parser.parse_args()
    grid = Grid(asked.max_tokens, asked.max_context_tokens, asked.max_sequences, repeats=asked.repeats)
    measure(find_model(asked.model), asked.out, asked.tp, asked.device, grid)
    print(f"next: agentsim calibrate {asked.out} --gpu GPU --model {asked.model} --tp {asked.tp}")


if __name__ == "__main__":
    main()
