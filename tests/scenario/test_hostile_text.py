"""Whatever text comes as a scenario or an override: a scenario, or soon an error with place, value and what is allowed."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentsim_env.scenario import Scenario, ScenarioError, library, load_scenario
from agentsim_env.scenario.loader import _LIBRARY as LIBRARY

# ruff: noqa: E501 (messages are quoted whole)
SECONDS = 5.0
"""A wrong text is refused within this, on a busy machine too."""

PLAIN = """\
cluster:
  model: Llama-3.1-8B
  instances:
    - {gpu: H100, count: 2}
workload:
  mix:
    - {family: coding_agent}
  arrivals: {process: poisson, rate_per_s: 0.3}
episode: {programs: 10}
"""


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    begun_s = time.process_time()
    yield
    assert time.process_time() - begun_s < SECONDS * 12  # examples of hypothesis together


def refusal(source: Any, overrides: Any = ()) -> str:
    begun_s = time.process_time()
    with pytest.raises(ScenarioError) as caught:
        load_scenario(source, overrides)
    assert time.process_time() - begun_s < SECONDS
    return str(caught.value)


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[str | bytes], str]:
    """The error for a file with a text, without the name of the file."""
    path = tmp_path / "x.yaml"

    def refuse(text: str | bytes) -> str:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return refusal(path).replace(str(path), "x.yaml")

    return refuse


def bomb(entry: str) -> str:
    """Aliases of aliases: nine of each level on the one below."""
    levels = [entry + "\n"]
    levels += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 11)]
    return "".join(levels) + PLAIN


TEXTS = {
    "aliases of aliases": (bomb("a0: &a0 [x]"), "x.yaml:7: a6: has more than 200,000 values"),
    "merges of merges": (
        bomb("a0: &a0 {x: 1}").replace("[", "{<<: [").replace("]", "]}"),
        "x.yaml:7: a6.<<: has more than 200,000 values",
    ),
    "brackets": ("a: " + "[" * 200_000, "x.yaml:1: not valid YAML: is nested too deep; at most 50 levels"),
    "braces": ("a: " + "{a: " * 2_000 + "1" + "}" * 2_000, "is nested too deep; at most 50 levels"),
    "dashes": ("- " * 100_000, "is nested too deep; at most 50 levels"),
    "a tag that does not fit": (
        PLAIN.replace("count: 2", "count: !!int 6.0"),
        "x.yaml:4: not valid YAML: '6.0' is no int",
    ),
    "a date that is none": ("name: 2020-13-45", "'2020-13-45' is no timestamp"),
    "a tag of Python": ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
    "a number of 5,000 digits": (PLAIN.replace("0.3", "9" * 5_000), "x.yaml:8: not valid YAML: '999"),
    "a number of 400 digits": (PLAIN.replace("0.3", "9" * 400), "x.yaml:8: workload.arrivals.rate_per_s = 999"),
    "a number of 5,000 hexadecimal digits": (
        PLAIN.replace("0.3", "0x" + "f" * 5_000),
        "rate_per_s = a number of thousands of digits: must be a valid number",
    ),
    "5,000 digits in a list": (
        PLAIN.replace("0.3", "[0x" + "f" * 5_000 + "]"),
        "rate_per_s = a list with a number of thousands of digits: must be a valid number",
    ),
    "a time for a number": (PLAIN.replace("0.3", "1:40"), "rate_per_s = '1:40': must be a valid number"),
    "NUL": (PLAIN + "\0", "not valid YAML: the character 0x0"),
    "UTF-16": (PLAIN.encode("utf-16"), "x.yaml: cannot be read: it is not text in UTF-8"),
    "two documents": (PLAIN + "---\n" + PLAIN, "but found another document"),
    "a key that is a list": ("? [a]\n: 1\n", "found unhashable key"),
    "a long key": ("? " + "k" * 100_000 + "\n: 1\n" + PLAIN, "... = 1: unknown field"),
    "a name of two lines": ('name: "a\\nb"\n' + PLAIN, "must be one line of text without control characters"),
    "five million characters": ("a" * 5_000_000, "has 5,000,000 characters; at most 4,000,000"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_texts_that_went_wrong_are_refused(refused: Callable[[str | bytes], str], case: str) -> None:
    text, reason = TEXTS[case]
    message = refused(text)
    assert reason in message
    assert max(map(len, message.splitlines())) < 1_000


def test_of_many_problems_the_first_are_named(refused: Callable[[str | bytes], str]) -> None:
    times = ", ".join(["x"] * 50_000)
    message = refused(PLAIN.replace("{process: poisson, rate_per_s: 0.3}", f"{{process: fixed, times_s: [{times}]}}"))
    lines = message.splitlines()
    assert len(lines) == 21
    assert "workload.arrivals.times_s.0 = 'x': must be a valid number" in lines[0]
    assert lines[-1].endswith("and 49,980 more")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + PLAIN.encode())
    assert load_scenario(path).cluster.n_instances == 2


OVERRIDES = {
    "a=": "--set a=: has no value; null brings the default back",
    "cluster.frontend_s=": "has no value",
    "cluster." + "a." * 3_000 + "b=1": "the path has 3002 keys; no field has more than 30",
    "cluster.instances." + "9" * 5_000 + ".count=1": "no such place in the list; allowed: 0",
    "cluster.instances.\u0662.count=1": "no such place in the list; allowed: 0",
    "cluster.frontend_s=\0": "not valid YAML: the character 0x0",
    "cluster.frontend_s=" + "[" * 2_000: "is nested too deep; at most 50 levels",
    "cluster.frontend_s=!!int 6.0": "'6.0' is no int",
    "cluster.frontend_s=" + "9" * 5_000: "is no int",
    "cluster.frontend_s=" + "9" * 400: "must be a valid number",
    "cluster.frontend_s=&a [*a]": "an alias refers to what contains it",
    "cluster.instances.0.count=1:40": "count = '1:40': must be a valid integer",
    "rules.bundle=[1]": "rules.bundle = [1]: unknown bundle",
    "workload.arrivals.process={a: 1}": "not one of the allowed values",
}


@pytest.mark.parametrize("override", OVERRIDES)
def test_overrides_that_went_wrong_are_refused(override: str) -> None:
    assert OVERRIDES[override] in refusal("coding_agents", [override])


def nested_in_itself() -> dict[str, Any]:
    data: dict[str, Any] = {"extends": "coding_agents"}
    data["cluster"] = {"model": data}
    return data


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (5, "scenario: 5: must be a name of the library, a path, a mapping or a Scenario"),
        (b"coding_agents", "must be a name of the library"),
        ("codng_agents", "scenario: codng_agents: no such scenario; did you mean coding_agents?; allowed: agent_mix"),
        ("a\0b", "no such scenario"),
        ("x" * 5_000, "cannot be read: File name too long"),
        (LIBRARY, "is a folder; must be the name of a scenario or the path of a file"),
        (nested_in_itself(), "is nested too deep"),
        ({1: 2}, "Keys should be strings"),
        ({"extends": 3}, "extends = 3: must be the name of a scenario or the path of a file"),
    ],
)
def test_what_is_no_scenario_is_refused(source: Any, reason: str) -> None:
    assert reason in refusal(source)


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ("cluster.frontend_s=1", "must be a list of path=value, or a mapping"),
        (5, "must be a list of path=value, or a mapping"),
        ([5], "--set 5: must be path=value"),
        ({1: 2}, "override 1: the path must be a text of keys with dots between"),
        ({"": 1}, "the path must be a text of keys"),
        ({"cluster.frontend_s": 10**400}, "must be a valid number"),
        ({"episode.programs": 10**5_000}, "episode.programs = a number of thousands of digits: must be"),
        ({"cluster": nested_in_itself()}, "is nested too deep"),
    ],
)
def test_what_is_no_override_is_refused(overrides: Any, reason: str) -> None:
    assert reason in refusal("coding_agents", overrides)


# Fuzzing.

PIECES = [
    *(
        "",
        " ",
        "\n",
        "  ",
        "\t",
        "-",
        "- ",
        ":",
        ": ",
        "?",
        "!!int ",
        "!!float x",
        "!!set ",
        "!",
        "&a ",
        "*a",
        "<<: *a",
    ),
    *("{", "}", "[", "]", "'", '"', "#", "|", ">", "%", "@", "`", "---\n", "...\n", "\0", "\ufeff", "\u2028", "é"),
    *(
        "null",
        "~",
        "true",
        "on",
        "1e309",
        "-1",
        "0",
        ".inf",
        ".nan",
        "1:40",
        "0x",
        "2020-13-45",
        "9" * 500,
        "1_0",
        "1e-400",
    ),
    *("extends: tool_chat\n", "name: x\n", "cluster:", "process: gamma", "count: ", "workload: {trace: {path: x}}\n"),
]
NAMES = library()
VALUES = st.one_of(
    st.sampled_from(PIECES),
    st.text(max_size=12),
    st.floats(allow_nan=True).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.recursive(st.sampled_from(["1", "a", "null"]), lambda inner: st.lists(inner, max_size=3), max_leaves=8).map(
        lambda value: yaml.safe_dump(value, default_flow_style=True).strip()
    ),
)


def paths(data: Any, path: str = "") -> Iterator[str]:
    """Yields the paths of all values, as overrides write them."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, (list, tuple)) else ()
    for key, value in items:
        yield f"{path}{key}"
        yield from paths(value, f"{path}{key}.")


PATHS = {name: sorted(paths(load_scenario(name).model_dump(mode="json"))) for name in NAMES}


def is_scenario_or_error(source: Any, overrides: Any = ()) -> None:
    begun_s = time.process_time()
    try:
        assert isinstance(load_scenario(source, overrides), Scenario)
    except ScenarioError as error:
        assert str(error)
    assert time.process_time() - begun_s < SECONDS


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(NAMES),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), st.sampled_from(PIECES)), min_size=1, max_size=4),
)
def test_mutations_of_the_library(tmp_path: Path, name: str, changes: list[tuple[float, int, str]]) -> None:
    text = (LIBRARY / f"{name}.yaml").read_text(encoding="utf-8")
    for where, length, piece in changes:
        at = int(where * len(text))
        text = text[:at] + piece + text[at + length :]
    path = tmp_path / "mutated.yaml"
    path.write_text(text, encoding="utf-8")
    is_scenario_or_error(path)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), name=st.sampled_from(NAMES))
def test_overrides_of_the_library(data: st.DataObject, name: str) -> None:
    count = data.draw(st.integers(1, 3))
    chosen = [data.draw(st.sampled_from(PATHS[name])) for _ in range(count)]
    is_scenario_or_error(name, [f"{path}={data.draw(VALUES)}" for path in chosen])


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=60))
def test_overrides_of_any_text(text: str) -> None:
    is_scenario_or_error("tool_chat", [text])


def test_the_corpus_of_bugs_is_refused(shared_texts: list[Path]) -> None:
    for path in shared_texts:
        assert refusal(path)


@pytest.fixture
def shared_texts() -> list[Path]:
    """Scenarios that went wrong once."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "reproducers" / "yml"
    if not folder.is_dir():
        pytest.skip("../shared/reproducers is missing")
    return sorted(folder.glob("*.yaml"))
