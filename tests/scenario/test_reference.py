import json
import subprocess
import sys
from pathlib import Path

import pytest

from agentsim_env.scenario import library, registries
from agentsim_env.scenario.json_schema import file_schema, json_schema
from agentsim_env.scenario.reference import markdown

ROOT = Path(__file__).parents[2]


@pytest.mark.usefixtures("known_names")
class TestJsonSchema:
    def test_it_knows_the_names(self) -> None:
        parts = json_schema()["$defs"]
        assert parts["MixEntry"]["properties"]["family"]["enum"] == ["talk"]
        assert parts["TraceSource"]["properties"]["format"]["enum"] == ["auto", "azure", "mooncake"]
        assert parts["Rules"]["properties"]["route_turn"]["enum"] == ["least_loaded", "random", "session_affinity"]

    def test_params_depend_on_the_family(self) -> None:
        parts = json_schema()["$defs"]
        condition = parts["MixEntry"]["allOf"][0]
        assert condition["if"]["properties"]["family"] == {"const": "talk"}
        assert condition["then"]["properties"]["params"] == {"$ref": "#/$defs/TalkParams"}
        assert set(parts["TalkParams"]["properties"]) == set(registries.families()["talk"].params.model_fields)

    def test_a_file_may_extend_and_then_needs_nothing(self) -> None:
        schema = file_schema()
        assert "extends" in schema["properties"]
        assert "required" not in schema
        assert "required" not in schema["$defs"]["Cluster"]
        assert schema["additionalProperties"] is False


@pytest.mark.usefixtures("real_names")
def test_the_page_names_every_scenario_part_and_field() -> None:
    page = markdown()
    for name in library():
        assert f"| `{name}` |" in page
    for name, part in json_schema()["$defs"].items():
        if "properties" in part:
            assert f"### {name}\n" in page
            assert all(f"| `{field}` |" in page for field in part["properties"])


@pytest.mark.usefixtures("real_names")
def test_the_page_in_docs_is_up_to_date() -> None:
    assert (ROOT / "docs" / "scenario.md").read_text() == markdown(), "run: make docs"


@pytest.mark.usefixtures("real_names")
def test_the_module_prints_both() -> None:
    command = [sys.executable, "-m", "agentsim_env.scenario.reference"]
    page = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert page == markdown()
    schema = subprocess.run([*command, "--json-schema"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert json.loads(schema) == file_schema()
