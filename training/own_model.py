"""A model that a scenario names by path: its run keeps a copy, so that it goes on wherever that path leads later."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from agentsim_env.files import replacing

if TYPE_CHECKING:
    from agentsim_env.scenario import Scenario

_FOLDER = "model"


def with_own_model(scenario: "Scenario", folder: Path) -> "Scenario":
    """The scenario with a copy of its model's `config.json` in the folder of a run; itself if the model has a name.

    The copy is in a folder of the same name as the original, from which a model takes its name.
    """
    from agentsim_env.scenario.model_file import model_file

    path = model_file(scenario.cluster.model)
    if path is None:
        return scenario
    copy = folder / _FOLDER / (path.resolve().parent.name or "model") / path.name
    with replacing(copy) as draft:
        shutil.copyfile(path, draft)
    cluster = scenario.cluster.model_copy(update={"model": str(copy.resolve())})
    return scenario.model_copy(update={"cluster": cluster})


def own_model(folder: Path) -> dict[str, str]:
    """What is to be laid over the scenario of a run so that it names the copy, also after the folder has moved."""
    copy = next((folder / _FOLDER).glob("*/*.json"), None)
    return {} if copy is None else {"cluster.model": str(copy.resolve())}
