import json
import pickle
from pathlib import Path

import pytest

from agentsim_env import Simulator
from agentsim_env.scenario import Scenario, ScenarioError, library, load_scenario
from tests.llama import LLAMA_3_1_8B


def refuse(source: object) -> str:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(source)  # type: ignore[arg-type]
    return str(caught.value)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_is_named_after_itself(small: Path) -> None:
    assert load_scenario(small).name == "small"
    assert load_scenario(str(small)).cluster.n_instances == 2


def test_a_mapping_and_a_scenario_are_sources_too(small: Path) -> None:
    scenario = load_scenario(small)
    same = load_scenario(scenario.model_dump())
    assert same == scenario
    assert load_scenario(scenario, ["cluster.frontend_s=0"]).cluster.frontend_s == 0.0
    assert load_scenario(scenario) == scenario
    assert load_scenario({"extends": str(small), "cluster": {"frontend_s": 1}}).cluster.n_instances == 2


def test_a_scenario_saved_as_json_is_the_same(small: Path, tmp_path: Path) -> None:
    scenario = load_scenario(small, ["cluster.frontend_s=1e-5", "workload.mix.0.params.turns=7"])
    saved = write(tmp_path, "saved.json", scenario.model_dump_json())
    assert load_scenario(saved) == scenario


def test_unknown_names_list_the_library() -> None:
    message = refuse("coding_agent")
    assert message.startswith("scenario: coding_agent: no such scenario; did you mean coding_agents?; allowed: ")
    assert all(name in message for name in library())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refuse(tmp_path / "nowhere.yaml") == f"scenario: {tmp_path}/nowhere.yaml: no such file"


@pytest.fixture
def without_trace(tmp_path: Path) -> Path:
    return write(tmp_path, "mine.yaml", "extends: coding_agents\nworkload:\n  trace:\n    path: nowhere/t.jsonl\n")


def test_a_missing_trace_is_told_with_file_and_line_when_the_scenario_is_to_run(without_trace: Path) -> None:
    scenario = load_scenario(without_trace)
    there = without_trace.parent / "nowhere" / "t.jsonl"
    message = f"{without_trace}:4: workload.trace.path = '{there}': no such file or folder"
    for changed in (
        scenario,
        load_scenario(scenario, ["cluster.frontend_s=1e-5"]),
        pickle.loads(pickle.dumps(scenario)),
    ):
        with pytest.raises(ScenarioError) as caught:
            Simulator(changed)
        assert str(caught.value) == message


def test_a_missing_trace_of_an_override_is_told_with_the_override(without_trace: Path) -> None:
    for source in (without_trace, load_scenario(without_trace)):
        scenario = load_scenario(source, ["workload.trace.path=/nowhere/else"])
        with pytest.raises(
            ScenarioError, match=r"^--set workload\.trace\.path=/nowhere/else: workload\.trace\.path = "
        ):
            Simulator(scenario)


def test_what_names_a_trace_does_not_make_another_scenario(without_trace: Path) -> None:
    scenario = load_scenario(without_trace)
    assert load_scenario(scenario.model_dump(mode="json")) == scenario


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("cluster: [1, 2", 1, "not valid YAML"),
        ("a: 1\nb: {c: 1,\n  c: 2}\n", 3, "b.c: given twice, first in line 2"),
        ("a: 1\na: 2\n", 2, "a: given twice, first in line 1"),
        ("x: &x [*x]\n", 1, "x.0: an alias refers to what contains it"),
        ("x: !!python/object:os.system {}\n", 1, "not valid YAML"),
    ],
)
def test_yaml_errors_name_file_and_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    path = write(tmp_path, "bad.yaml", text)
    message = refuse(path)
    assert message.startswith(f"{path}:{line}: ")
    assert reason in message


@pytest.mark.parametrize("text", ["", "[1, 2]", "just text"])
def test_a_file_must_be_a_mapping(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, "bad.yaml", text)
    assert refuse(path).startswith(f"{path}: must be a mapping of fields; allowed: extends, name, description")


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert refuse(path).startswith(f"{path}: cannot be read: ")


class TestExtends:
    def test_mappings_merge_and_lists_are_replaced(self, small: Path, tmp_path: Path) -> None:
        child = write(
            tmp_path,
            "child.yaml",
            "extends: small.yaml\ncluster:\n  frontend_s: 0.5\n  instances: [{gpu: A100}, {gpu: L40S}]\n",
        )
        scenario = load_scenario(child)
        assert [instance.gpu for instance in scenario.cluster.instances] == ["A100", "L40S"]
        assert scenario.cluster.model == "Llama-3.1-8B"
        assert scenario.cluster.frontend_s == 0.5

    def test_prose_is_not_inherited(self, small: Path, tmp_path: Path) -> None:
        scenario = load_scenario(write(tmp_path, "child.yaml", "extends: small.yaml\n"))
        assert (scenario.name, scenario.description) == ("child", "")
        assert scenario.content_hash() == load_scenario(small).content_hash()

    def test_paths_are_relative_to_the_file(self, small: Path, tmp_path: Path) -> None:
        (tmp_path / "below").mkdir()
        child = write(tmp_path / "below", "child.yaml", "extends: ../small.yaml\n")
        grandchild = write(tmp_path, "grandchild.yaml", "extends: below/child.yaml\nepisode: {programs: 3}\n")
        assert load_scenario(child).cluster.n_instances == 2
        assert load_scenario(grandchild).episode.programs == 3

    def test_null_brings_the_default_back(self, small: Path, tmp_path: Path) -> None:
        write(tmp_path, "child.yaml", "extends: small.yaml\ncluster: {frontend_s: 0.5}\n")
        scenario = load_scenario(write(tmp_path, "last.yaml", "extends: child.yaml\ncluster: {frontend_s: null}\n"))
        assert scenario.cluster.frontend_s == 0.010

    def test_a_new_process_replaces_the_arrivals(self, small: Path, tmp_path: Path) -> None:
        text = "extends: small.yaml\nworkload: {arrivals: {process: closed_loop, users: 3, think_time_s: 1.0}}\n"
        arrivals = load_scenario(write(tmp_path, "child.yaml", text)).workload.arrivals
        assert arrivals.model_dump() == {"process": "closed_loop", "users": 3, "think_time_s": 1.0}

    def test_exclusive_fields_take_each_others_place(self, small: Path, tmp_path: Path) -> None:
        text = "extends: small.yaml\nworkload: {trace: {path: t.jsonl}, arrivals: {rate_per_s: 2}}\n"
        workload = load_scenario(write(tmp_path, "child.yaml", text)).workload
        assert workload.mix is None
        assert workload.arrivals.model_dump() == {"process": "poisson", "rate_per_s": 2.0, "load": None}

    def test_circles_are_errors(self, tmp_path: Path) -> None:
        write(tmp_path, "a.yaml", "extends: b.yaml\n")
        write(tmp_path, "b.yaml", "extends: a.yaml\n")
        message = refuse(tmp_path / "a.yaml")
        assert "extends: scenarios extend each other in a circle: a.yaml -> b.yaml -> a.yaml" in message

    def test_a_missing_base_names_the_line(self, tmp_path: Path) -> None:
        path = write(tmp_path, "a.yaml", "name: a\nextends: nothing.yaml\n")
        assert refuse(path) == f"{path}:2: extends: {tmp_path}/nothing.yaml: no such file"

    def test_an_unknown_base_lists_the_library(self, tmp_path: Path) -> None:
        path = write(tmp_path, "a.yaml", "extends: busty\n")
        assert refuse(path).startswith(f"{path}:1: extends: busty: no such scenario; did you mean bursty?; allowed:")

    def test_a_base_must_be_a_name(self, tmp_path: Path) -> None:
        path = write(tmp_path, "a.yaml", "extends: [a, b]\n")
        assert "extends = ['a', 'b']: must be the name of a scenario or the path of a file" in refuse(path)

    def test_errors_name_the_file_that_is_wrong(self, small: Path, tmp_path: Path) -> None:
        base = write(tmp_path, "base.yaml", small.read_text().replace("count: 2", "count: 0"))
        child = write(tmp_path, "child.yaml", "extends: base.yaml\nepisode:\n  programs: -1\n")
        first, second = refuse(child).splitlines()
        assert first.startswith(f"{base}:5: cluster.instances.0.count = 0: ")
        assert second.startswith(f"{child}:3: episode.programs = -1: ")


def test_what_is_missing_is_blamed_on_what_should_contain_it(small: Path) -> None:
    with pytest.raises(
        ScenarioError, match=r"^--set workload.arrivals=.*: workload.arrivals.cv: required, but not given"
    ):
        load_scenario(small, ["workload.arrivals={process: gamma, load: 0.9}"])


@pytest.mark.usefixtures("real_names")
def test_model_paths_are_relative_to_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    config = {
        "model_type": "llama",
        "num_hidden_layers": 4,
        "hidden_size": 1024,
        "num_attention_heads": 8,
        "intermediate_size": 4096,
        "vocab_size": 32000,
        "max_position_embeddings": 8192,
    }
    (tmp_path / "models" / "mine.json").write_text(json.dumps(config))
    path = tmp_path / "with_model.yaml"
    path.write_text("extends: tool_chat\ncluster: {model: models/mine.json}\n")
    assert load_scenario(path).cluster.model == str(tmp_path / "models" / "mine.json")
    monkeypatch.chdir(tmp_path)
    assert load_scenario("tool_chat", ["cluster.model=./models/mine.json"]) == load_scenario(
        "tool_chat", ["cluster.model=models/mine.json"]
    )
    assert load_scenario("tool_chat").cluster.model == "Llama-3.1-8B"


def test_trace_paths_are_relative_to_their_file(small: Path, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    text = "extends: ../small.yaml\nworkload: {trace: {path: day.jsonl}, arrivals: {process: trace}}\n"
    scenario = load_scenario(write(tmp_path / "below", "child.yaml", text))
    assert scenario.workload.trace is not None
    assert scenario.workload.trace.path == str(tmp_path / "below" / "day.jsonl")
    overridden = load_scenario(small, ["workload.trace.path=day.jsonl"]).workload.trace
    assert overridden is not None
    assert overridden.path == str(Path.cwd() / "day.jsonl")


class TestModelsByPath:
    @pytest.fixture
    def config(self, small: Path) -> Path:
        path = small.parent / "models" / "mine" / "config.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(LLAMA_3_1_8B))
        return path

    def test_are_relative_to_their_file(
        self, small: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = "extends: small.yaml\ncluster: {model: models/mine/config.json}\n"
        child = write(small.parent, "child.yaml", text)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert load_scenario(child).cluster.model == str(config)

    def test_are_relative_to_the_working_directory_in_an_override(
        self, small: Path, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(config.parent)
        assert load_scenario(small, ["cluster.model=config.json"]).cluster.model == str(config)

    def test_count_by_their_content(self, small: Path, config: Path, tmp_path: Path) -> None:
        first = load_scenario(small, {"cluster.model": str(config)})
        copy = tmp_path / "copies" / "mine" / "config.json"
        copy.parent.mkdir(parents=True)
        copy.write_bytes(config.read_bytes())
        assert load_scenario(small, {"cluster.model": str(copy)}).content_hash() == first.content_hash()
        copy.write_text(json.dumps(LLAMA_3_1_8B | {"num_hidden_layers": 16}))
        assert load_scenario(small, {"cluster.model": str(copy)}).content_hash() != first.content_hash()


class TestContentHash:
    def test_prose_and_spelling_do_not_count(self, small: Path) -> None:
        scenario = load_scenario(small)
        for same in (["name=x", "description=y", "knee=z"], ["cluster.frontend_s=1e-2"], ["episode.warmup_programs=0"]):
            assert load_scenario(small, same).content_hash() == scenario.content_hash()

    @pytest.mark.parametrize(
        "change",
        ["cluster.frontend_s=0.011", "workload.mix.0.params.turns=4", "rules.route_turn=random", "slo.ttft_s=1"],
    )
    def test_everything_else_counts(self, small: Path, change: str) -> None:
        assert load_scenario(small, [change]).content_hash() != load_scenario(small).content_hash()

    def test_it_is_stable(self, small: Path) -> None:
        scenario = load_scenario(small)
        again = Scenario.model_validate_json(scenario.model_dump_json())
        assert again.content_hash() == scenario.content_hash()
        assert len(scenario.content_hash()) == 64

    def test_a_trace_counts_by_its_content(self, small: Path, tmp_path: Path) -> None:
        first, copy = write(tmp_path, "a.jsonl", "{}\n"), write(tmp_path, "b.jsonl", "{}\n")

        def digest(path: Path) -> str:
            return load_scenario(small, {"workload.trace.path": str(path)}).content_hash()

        before = digest(first)
        assert digest(copy) == before
        copy.write_text("{} \n")
        assert digest(copy) != before
        (tmp_path / "folder").mkdir()
        write(tmp_path / "folder", "c.json", "{}\n")
        assert digest(tmp_path / "folder") == digest(tmp_path / "folder")
