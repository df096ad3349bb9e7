"""`python -m agentsim_env.hardware.calibrate`: fit, ship, constants, leave-one-out."""

import argparse
from pathlib import Path

from agentsim_env.hardware.calibrate.command import LAYOUTS, calibrate
from agentsim_env.hardware.calibrate.constants import write_constants
from agentsim_env.hardware.calibrate.errors import describe, table
from agentsim_env.hardware.calibrate.leave_one_out import leave_one_out
from agentsim_env.hardware.calibrate.shipped import ship


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m agentsim_env.hardware.calibrate",
        description="Fit latency profiles to measurements.",
        epilog=f"layouts of measurements:\n{LAYOUTS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    fit = commands.add_parser("fit", help="fit one profile and print its errors")
    fit.add_argument("measurements", type=Path)
    fit.add_argument("--gpu", required=True)
    fit.add_argument("--model", required=True, help="name, or path to a config.json")
    fit.add_argument("--tp", type=int, default=1)
    fit.add_argument("--dtype", default="bf16")
    fit.add_argument("--kv-dtype", default="bf16")
    fit.add_argument("--out", type=Path, help="write the profile as YAML")
    fit.add_argument("--picture", type=Path, help="draw measured against fitted times")
    for name, text in (
        ("ship", "fit and write every profile of the library"),
        ("constants", "fit and write the constants of the roofline"),
        ("leave-one-out", "error of the roofline on models that it has not seen"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("data", type=Path, help="folder with the tables in our layout")
        if name == "ship":
            command.add_argument("--only", default="", help="only files whose name contains this")
    _run(parser.parse_args())


def _run(asked: argparse.Namespace) -> None:
    if asked.command == "fit":
        names = ("gpu", "model", "tp", "dtype", "kv_dtype", "out", "picture")
        result = calibrate(asked.measurements, **{name: getattr(asked, name) for name in names})
        print(table(result.errors))
        print(f"assumed: {result.profile.assumed or 'nothing'}")
    elif asked.command == "ship":
        print("\n".join(ship(asked.data, only=asked.only)))
    elif asked.command == "constants":
        write_constants(asked.data)
    else:
        for found in leave_one_out(asked.data):
            print(f"{found.gpu:13} {found.model:14} tp{found.tp} {100 * found.mean:5.1f} %  {describe(found.regimes)}")


if __name__ == "__main__":
    main()
