"""What the pages say of the code, and whether their examples run."""

import re
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from agentsim_env import load_scenario
from agentsim_env.engine.tables import RULE_PARAMS, RULES
from agentsim_env.prose import wrapped
from agentsim_env.training.cli import app
from agentsim_env.training.evaluate import evaluate
from agentsim_env.workload.streams import Streams
from agentsim_env.workload.traces import TraceError
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.sniff import sniff

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
TEXTS = [*sorted(DOCS.glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


PAGES = {
    "route_turn": "routers.md",
    **dict.fromkeys(("schedule_turn", "preempt_turn", "admit_program"), "scheduling.md"),
    **dict.fromkeys(("retain_kv", "evict_kv"), "residency.md"),
    "prefetch_kv": "prefetch.md",
    "set_prefill_budget": "lanes.md",
}


@pytest.mark.parametrize(("kind", "rule"), [(kind, rule) for kind in PAGES for rule in RULES[kind]])
def test_each_rule_is_explained_with_its_parameters(kind: str, rule: str) -> None:
    text = (DOCS / PAGES[kind]).read_text()
    if f"\n## {kind}\n" in text:
        text = text.split(f"\n## {kind}\n")[1].split("\n## ")[0]
    found = re.search(rf"\*\*`{rule}`\*\*.*?(?=\n\n(?:\*\*`|##)|\Z)", text, re.DOTALL)
    assert found, f"{kind} {rule} has no paragraph in docs/{PAGES[kind]}"
    shown = found[0].replace(",", "")
    for name, default in RULE_PARAMS[kind].get(rule, {}).items():
        assert f"`{name}`" in shown or name in shown, f"{rule}: {name} is not explained"
        assert re.search(rf"(?<![\d.]){default:.10g}(?![\d])", shown), (
            f"{rule}: the default of {name} is not {default:.10g}"
        )


def example(page: str, beginning: str) -> ModuleType:
    """The code block of a page that begins so, as a module."""
    blocks = re.findall(r"^( *)```python\n(.*?)^ *```$", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)
    code = next(textwrap.dedent(block) for _, block in blocks if block.lstrip().startswith(beginning))
    module = ModuleType("example")
    exec(compile(code, page, "exec"), vars(module))
    return module


def test_the_trace_format_of_the_page_reads(tmp_path: Path) -> None:
    plain = example("extending.md", '"""Lines of')
    path = tmp_path / "trace.txt"
    path.write_text("#plain\n0 100 5\n1.5 200 6\n2 300\n")
    assert plain.detect(sniff(path))
    programs, report = plain.read(path, ReadOptions(skip_bad_lines=True))
    assert programs.turn["prompt_tokens"].tolist() == [100, 200]
    assert [bad.line for bad in report.bad_lines] == [4]
    with pytest.raises(TraceError, match=r"trace\.txt:4: .*allowed: three numbers"):
        plain.read(path, ReadOptions())


def test_the_family_of_the_page_draws() -> None:
    module = example("extending.md", '"""Help desk')
    shapes = module.draw(module.HelpDeskParams(), 200, Streams.spawn(0))
    assert len(shapes.n_turns) == 200
    assert 3 <= shapes.n_turns.mean() <= 8


def test_the_router_of_the_page_beats_the_default() -> None:
    router = example("evaluation.md", "import numpy as np\n\ndef my_router").my_router
    changes = {
        "workload.arrivals": {"process": "poisson", "rate_per_s": 0.36},
        "episode": {"programs": 64, "warmup_programs": 8},
    }
    results = evaluate(["least_loaded", router], scenario=load_scenario("coding_agents", changes), seeds=3)
    assert results.comparisons["my_router"]["mean_jct_s"].change.estimate < -0.05


def test_the_examples_of_the_readme_run(capsys: pytest.CaptureFixture[str]) -> None:
    for code in re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE):
        exec(compile(code, "README.md", "exec"), {})
    learned, own = capsys.readouterr().out.splitlines()
    assert len(learned.split()) == 3
    assert 0 < float(own) < float(learned.split()[0])


def test_every_command_is_on_its_page() -> None:
    commands = {str(command.name or getattr(command.callback, "__name__", "")) for command in app.registered_commands}
    assert commands == set(re.findall(r"^agentsim ([\w-]+)", (DOCS / "commands.md").read_text(), re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """What a link to a section of a page may be, as GitHub makes it of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("folder", ["agentsim_env", "envs", "agents", "training", "benchmarks", "tests"])
def test_paths_in_docstrings_lead_somewhere(folder: str) -> None:
    """Those of this repository: `engine/` stands for `agentsim_env/engine/`."""
    for source in sorted((ROOT / folder).rglob("*.py")):
        text = source.read_text()
        for path in re.findall(r"`((?:agentsim_env|benchmarks|docs|engine|envs|tests)/[a-z0-9_/]+\.\w+)`", text):
            assert (ROOT / path).exists() or (ROOT / "agentsim_env" / path).exists(), f"{source}: {path}"


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.stem)
def test_prose_is_wrapped(page: Path) -> None:
    text = page.read_text()
    assert wrapped(text) == text


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.stem)
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for link, anchor in re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]+))?\)", text):
        target = page.parent / link if link else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), f"{link}#{anchor}"
    for path in re.findall(r"`((?:agentsim_env|envs|agents|training|tests|benchmarks)/[a-z0-9_./]+)`", text):
        assert (ROOT / path).exists(), path
