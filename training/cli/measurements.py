"""`agentsim calibrate` and `agentsim validate`: what was measured on real machines."""

from pathlib import Path
from typing import Annotated

import typer

from agentsim_env.training.cli.options import file, folder, picture_file
from agentsim_env.training.cli.printing import open_console


def calibrate(
    measurements: Annotated[Path, typer.Argument(help="Measured iterations (CSV), or folder of kernel tables.")],
    gpu: Annotated[str, typer.Option(help="GPU that they were measured on.")],
    model: Annotated[str, typer.Option(help="Model, or path of its config.json.")],
    tp: Annotated[int, typer.Option(min=1, help="Tensor-parallel ranks.")] = 1,
    dtype: Annotated[str, typer.Option(help="Format of the weights: bf16, fp8 or fp4.")] = "bf16",
    kv_dtype: Annotated[str, typer.Option(help="Format of the KV cache: bf16 or fp8.")] = "bf16",
    out: Annotated[Path | None, typer.Option(parser=file, metavar="PATH", help="Write the profile as YAML.")] = None,
    picture: Annotated[
        Path | None, typer.Option(parser=picture_file, metavar="PATH", help="Draw measured against fitted times.")
    ] = None,
) -> None:
    """Fit a latency profile to measurements, and print its errors."""
    from agentsim_env.hardware.calibrate.printed import calibrate_and_print

    calibrate_and_print(measurements, open_console(), gpu, model, tp, dtype, kv_dtype, out, picture)


def validate(
    measurements: Annotated[Path, typer.Argument(metavar="DIR|FILE", help="Measured runs: CSV, or a folder of them.")],
    engine: Annotated[str, typer.Option("--engine", "-e", help="Engine that they ran on: YAML, or a shipped one.")],
    out: Annotated[
        Path | None, typer.Option(parser=folder, metavar="PATH", help="Folder for tables and picture.")
    ] = None,
) -> None:
    """Replay measured runs of a real engine, and print how far the simulator is off."""
    from agentsim_env.validation.command import validate as run
    from agentsim_env.validation.report import print_validation, save

    result = run(measurements, engine)
    written = [] if out is None else save(result, out)
    print_validation(result, open_console())
    if out is not None:
        typer.echo(f"Written to {out}: {', '.join(written)}")
