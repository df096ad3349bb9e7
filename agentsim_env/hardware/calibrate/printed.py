"""`agentsim calibrate`: the fit, its errors as a table, and what becomes of a wrong question."""

from pathlib import Path
from typing import TYPE_CHECKING

from agentsim_env.hardware.calibrate.command import Calibration, calibrate
from agentsim_env.hardware.calibrate.problems import CalibrationError

if TYPE_CHECKING:
    from rich.console import Console


def calibrate_and_print(
    measurements: Path,
    console: "Console",
    gpu: str,
    model: str,
    tp: int = 1,
    dtype: str = "bf16",
    kv_dtype: str = "bf16",
    out: Path | None = None,
    picture: Path | None = None,
) -> Calibration:
    """Fit a profile (see `calibrate`), and print its error per regime.

    Raises:
        CalibrationError: The measurements cannot be read, or GPU, model or format is not known.
    """
    if not measurements.exists():
        raise CalibrationError(f"{measurements}: no such file or folder")
    try:
        result = calibrate(measurements, gpu, model, tp, dtype, kv_dtype, out, picture)
    except ValueError as error:
        raise CalibrationError(str(error)) from error
    _print(result, console)
    profile = result.profile
    console.print(f"assumed: {profile.assumed or 'nothing'}", highlight=False)
    for what, file in (("Profile", out), ("Picture", picture if result.errors else None)):
        if file is not None:
            console.print(f"{what} written to {file}", highlight=False)
    return result


def _print(result: Calibration, console: "Console") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    profile = result.profile
    title = f"{profile.gpu}, {profile.model}, tp {profile.tp}, {profile.dtype}: error of the fit, %"
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left")
    for name in ("regime", "iterations", "mean", "p50", "p95", "bias"):
        table.add_column(name, justify="left" if name == "regime" else "right")
    for e in result.errors:
        numbers = (f"{100 * value:.2f}" for value in (e.mean, e.p50, e.p95))
        table.add_row(e.regime, str(e.steps), *numbers, f"{100 * e.bias:+.2f}")
    if result.errors:
        console.print(table)
    else:
        console.print(f"{title}: attention was not measured; the profile takes it from the roofline")
