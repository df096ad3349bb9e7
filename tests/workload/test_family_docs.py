from pathlib import Path

import pytest

from agentsim_env.fields.meanings import meanings
from agentsim_env.workload.families import FAMILIES
from agentsim_env.workload.families.__main__ import table

PAGE = Path(__file__).parents[2] / "docs" / "workloads.md"


@pytest.mark.parametrize("name", FAMILIES)
def test_page_has_the_family_as_it_is(name):
    assert table(name, FAMILIES[name]) in PAGE.read_text(), "run python -m agentsim_env.workload.families"


@pytest.mark.parametrize("name", FAMILIES)
def test_every_parameter_is_described(name):
    params = FAMILIES[name].params
    assert meanings(params).keys() >= params.model_fields.keys()
