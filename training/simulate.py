"""Runs a scenario, or replays a trace, by the scenario's rules."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from agentsim_env import Scenario, Simulator, load_scenario
from agentsim_env.assembly.recorded import read_source
from agentsim_env.load import prepare
from agentsim_env.scenario.bundle import find_bundle
from agentsim_env.scenario.errors import suggestion
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.progress import EpisodeProgress

if TYPE_CHECKING:
    from agentsim_env.metrics import Records


def simulate(
    scenario: Any = None,
    overrides: Sequence[str] = (),
    trace: Path | None = None,
    skip_bad_lines: bool = False,
    rules: Sequence[str] = (),
    bundle: str | None = None,
    seed: int = 0,
) -> "Records":
    """Runs one episode.

    Args:
        scenario: Name, path or scenario; None for the default.
        overrides: `path=value` strings laid over the scenario.
        trace: Trace to replay: all its programs, at their own times if it has any and the overrides say nothing of
            arrivals, else as the scenario says.
        skip_bad_lines: Whether broken lines of the trace are skipped instead of being an error.
        rules: `kind=name` strings; they come over the bundle.
        bundle: Bundle whose rules replace those of the scenario.
        seed: Seed of the episode.

    Returns:
        The records.

    Raises:
        ScenarioError: The scenario, a change or a rule is not valid.
        TraceError: The trace cannot be read.
        TrainingError: A rule or an option is not one that there is.
    """
    given = dict(_pair(rule) for rule in rules)
    if bundle is not None:
        find_bundle(bundle)
    if trace is None:
        if skip_bad_lines:
            raise TrainingError("--skip-bad-lines goes with --trace; in a scenario it is workload.trace.skip_bad_lines")
        loaded = load_scenario(scenario, overrides)
    elif trace.exists():
        loaded = _replay(scenario, overrides, trace, skip_bad_lines)
    else:
        raise TrainingError(f"--trace {trace}: no such file or folder")
    # Load is a fraction of the capacity under the scenario's own rules, so the source is made before they change.
    simulator = Simulator(loaded, bundle=bundle, rules=given, token_seconds=True, source=prepare(loaded))
    simulator.reset(seed)
    with EpisodeProgress(simulator, Console(stderr=True)) as progress:
        simulator.run(progress)
    return simulator.records()


def _replay(scenario: Any, overrides: Sequence[str], trace: Path, skip_bad_lines: bool) -> Scenario:
    """The scenario with a trace for its workload, and all programs of the trace in an episode."""
    scenario = load_scenario(scenario)
    source = {"path": str(trace.resolve()), "skip_bad_lines": skip_bad_lines}
    whole = {
        "name": f"{scenario.name}-{trace.resolve().stem}",
        "workload.trace": source,
        "episode": {"programs": None, "warmup_programs": None},
    }
    timed = whole | {"workload.arrivals": {"process": "trace"}}
    if not any(override.startswith("workload.arrivals") for override in overrides):
        replayed = load_scenario(load_scenario(scenario, timed), overrides)
        if _says_when(replayed):
            return replayed
    return load_scenario(load_scenario(scenario, whole), overrides)


def _says_when(scenario: Scenario) -> bool:
    """Whether the trace records times, equal ones among them; a single program needs none."""
    workload = scenario.workload
    if workload.trace is None:
        return False
    report = read_source(workload.trace, scenario.cluster.block_size_tokens, workload.reuse_generated).report
    return report.span_s is not None or report.sessions == 1


def _pair(rule: str) -> tuple[str, str]:
    kind, equals, name = rule.partition("=")
    if not equals:
        raise TrainingError(f"--rule {rule}: must be kind=name, as in route_turn=session_affinity")
    from agentsim_env.scenario.registries import rules
    from agentsim_env.scenario.rules import KINDS

    if kind not in KINDS:
        raise TrainingError(f"--rule {rule}: no kind of decision {kind!r}{suggestion(kind, KINDS)}")
    if name not in rules(kind):
        raise TrainingError(f"--rule {rule}: no rule {name!r}{suggestion(name, rules(kind))}")
    return kind, name
