"""The pictures of the pages are what their commands draw."""

import re
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(params=["architecture", "concepts"])
def drawing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script that draws a picture."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    return import_module(request.param)


def test_a_picture_is_the_same_on_every_run(drawing: ModuleType) -> None:
    assert drawing.draw() == drawing.draw()


def test_a_picture_is_what_its_command_draws(drawing: ModuleType) -> None:
    pinned = re.search(r"^matplotlib==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    if version("matplotlib") != pinned[1]:
        pytest.skip(f"the picture was drawn with matplotlib {pinned[1]}, here is {version('matplotlib')}")
    command = f"python docs/{Path(drawing.__file__ or '').name}"
    assert drawing.PICTURE.read_bytes() == drawing.draw(), f"write it again: {command}"
