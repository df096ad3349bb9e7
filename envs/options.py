"""Checks of what an environment is given: the size of its rewards, a seed, a workload in the place of the drawn one."""

import math
from collections.abc import Mapping
from typing import Any

from agentsim_env.actions import whole_number
from agentsim_env.assembly import Source
from agentsim_env.envs.errors import EnvError
from agentsim_env.errors import shown
from agentsim_env.limits import LARGEST, SMALLEST
from agentsim_env.workload import Programs
from agentsim_env.workload.streams import SEEDS

OPTIONS = ("programs", "window")


def checked_seed(seed: Any) -> int | None:
    """A seed as Gymnasium wants it, a whole number of Python.

    Raises:
        EnvError: It is none, below 0, or too large.
    """
    if seed is None:
        return None
    number = whole_number(seed)
    if number is None or not 0 <= number < SEEDS:
        raise EnvError(f"seed {shown(seed)}: must be a whole number from 0 to 2^63 - 1, or None")
    return number


def checked_scale(scale: Any) -> float | None:
    """What rewards are multiplied by, a number of Python.

    Raises:
        EnvError: It is none, or not from `SMALLEST` to `LARGEST`.
    """
    if scale is None:
        return None
    try:
        number = math.nan if isinstance(scale, bool | str) else float(scale)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not SMALLEST <= number <= LARGEST:
        raise EnvError(
            f"reward_scale {shown(scale)}: must be a number from {SMALLEST:g} to {LARGEST:g}, or None for the counted"
            " programs of an episode"
        )
    return number


def given_programs(source: Source, seed: int, options: Any) -> Programs | None:
    """The programs that the options of `reset` ask for; None for those that the seed draws.

    Raises:
        EnvError: An option is unknown, has a wrong value, or contradicts another.
    """
    if not isinstance(options or {}, Mapping):
        raise EnvError(f"options {options!r}: must be a mapping with {' or '.join(OPTIONS)}, or None")
    options = {name: value for name, value in (options or {}).items() if value is not None}
    if unknown := [str(name) for name in options if name not in OPTIONS]:
        raise EnvError(f"options: unknown {', '.join(sorted(unknown))}; allowed are {', '.join(OPTIONS)}")
    if len(options) > 1:
        raise EnvError("options: programs are given, and a window to draw others from: one of the two")
    if "window" in options:
        return source.draw(seed, window=_window(options["window"]))
    return options.get("programs")  # what they must be is checked where all workloads are


def _window(window: Any) -> tuple[float, float]:
    try:
        start_s, end_s = (float(bound) for bound in window)
    except (TypeError, ValueError):
        start_s = end_s = math.nan
    if not (math.isfinite(start_s) and math.isfinite(end_s) and start_s < end_s):
        raise EnvError(f"options: window {window!r}: must be (start_s, end_s), two times in s, the first one earlier")
    return start_s, end_s
