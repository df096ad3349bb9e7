"""How a trace named on the command line is read."""

from pathlib import Path

from agentsim_env.training.errors import TrainingError


def with_trace_options(overrides: list[str] | None, trace: Path | None, **options: str | None) -> list[str] | None:
    """The overrides, behind those that options of the command line stand for.

    Args:
        overrides: `path=value` strings, None for none.
        trace: The trace that the options are for.
        **options: Fields of `workload.trace` with their values; None where an option was not given.

    Raises:
        TrainingError: An option without a trace.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if not given:
        return overrides
    if trace is None:
        name = next(iter(given))
        flag = f"--{name.replace('_', '-')}"
        raise TrainingError(f"{flag} goes with --trace; in a scenario it is workload.trace.{name}")
    return [f"workload.trace.{name}={value}" for name, value in given.items()] + list(overrides or ())
