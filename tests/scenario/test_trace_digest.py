"""The hash of a scenario reads its trace, and only what ends."""

import errno
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


def test_a_folder_that_holds_more_than_a_trace_is_refused_before_it_is_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        (tmp_path / f"{number}.jsonl").write_text("{}")
    known = trace_digest(str(tmp_path))
    monkeypatch.setattr("agentsim_env.scenario.trace_digest.MOST_FILES", 4)
    assert trace_digest(str(tmp_path)) == known
    monkeypatch.setattr("agentsim_env.scenario.trace_digest.MOST_FILES", 3)
    with pytest.raises(ScenarioError, match=r"is a folder with more than 3 files; allowed: a file, or a folder with"):
        trace_digest(str(tmp_path))


def test_a_file_in_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jsonl").write_text("{}")

    def gone(self: Path, *_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))

    monkeypatch.setattr(Path, "open", gone)
    with pytest.raises(ScenarioError, match=r"cannot be read: .*a\.jsonl: No such file or directory"):
        trace_digest(str(tmp_path))
