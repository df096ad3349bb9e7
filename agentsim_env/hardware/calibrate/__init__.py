"""Fit latency profiles to measurements.

`calibrate` takes a folder or file of measurements in any layout that we can read and returns a profile with its errors.
"""

from agentsim_env.hardware.calibrate.command import Calibration, calibrate, read_kernels
from agentsim_env.hardware.calibrate.errors import RegimeError, regime_errors
from agentsim_env.hardware.calibrate.fit import fit_profile
from agentsim_env.hardware.calibrate.fit_steps import fit_steps

__all__ = [
    "Calibration",
    "RegimeError",
    "calibrate",
    "fit_profile",
    "fit_steps",
    "read_kernels",
    "regime_errors",
]
