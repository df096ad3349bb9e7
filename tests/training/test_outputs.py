"""Places for results are tested before the work."""

import os
import tempfile
from pathlib import Path

import pytest

from agentsim_env.training.errors import TrainingError
from agentsim_env.training.outputs import file_for_results, folder_for_results
from tests.training.conftest import TINY
from tests.training.test_cli import call

SETTINGS = [argument for change in TINY for argument in ("--set", change)]
COMMANDS = {
    "simulate": ["simulate", *SETTINGS, "--out"],
    "evaluate": ["evaluate", "-a", "random", *SETTINGS, "--out"],
    "train": ["train", "routing", *SETTINGS, "--out"],
    "quickstart": ["quickstart", *SETTINGS, "--out"],
    "validate": ["validate", "none.csv", "--engine", "none", "--out"],
    "calibrate": ["calibrate", "none.csv", "--gpu", "H100", "--model", "Llama-3.1-8B", "--out"],
    "picture": ["calibrate", "none.csv", "--gpu", "H100", "--model", "Llama-3.1-8B", "--picture"],
}


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **settings: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_a_place_that_takes_nothing(command: str, tmp_path: Path, full: None) -> None:
    code, out, err = call(*COMMANDS[command], tmp_path / "new")
    option = COMMANDS[command][-1]
    assert (code, out) == (2, "")
    assert err == f"agentsim: {option} {tmp_path / 'new'}: cannot be written: {tmp_path}: No space left on device\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_an_empty_name(command: str) -> None:
    code, _, err = call(*COMMANDS[command], "")
    assert code == 2
    assert err == f"agentsim: {COMMANDS[command][-1]} is empty; allowed: a path\n"


def test_a_place_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    for test in (folder_for_results, file_for_results):
        with pytest.raises(TrainingError, match=r"cannot be written: .*file"):
            test(tmp_path / "file" / "new" / "deep")


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "none" / "x")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    for link in ("link", "round"):
        with pytest.raises(TrainingError, match=f"cannot be written: {tmp_path / link} is a link that leads nowhere"):
            folder_for_results(tmp_path / link)
        with pytest.raises(TrainingError, match=f"{tmp_path / link} is a link that leads nowhere"):
            folder_for_results(tmp_path / link / "deep")


def test_a_folder_in_the_place_of_a_file_and_the_reverse(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(TrainingError, match="is a file; allowed: a folder"):
        folder_for_results(tmp_path / "file")
    with pytest.raises(TrainingError, match="is a folder; allowed: a file"):
        file_for_results(tmp_path)


def test_nothing_is_left_of_the_test(tmp_path: Path) -> None:
    assert folder_for_results(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert file_for_results(str(tmp_path / "c.yaml")) == tmp_path / "c.yaml"
    assert not list(tmp_path.iterdir())
