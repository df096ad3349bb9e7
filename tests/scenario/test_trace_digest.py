"""The hash of a scenario reads its trace, and only what ends."""

import os
from pathlib import Path

import pytest

from agentsim_env.scenario import ScenarioError
from agentsim_env.scenario.trace_digest import trace_digest


def test_pipes_and_devices_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(
            ScenarioError, match=r"workload\.trace\.path = .* is a pipe, a device or a socket; allowed: "
        ):
            trace_digest(str(path))
    with pytest.raises(FileNotFoundError):
        trace_digest(str(tmp_path / "nothing"))
