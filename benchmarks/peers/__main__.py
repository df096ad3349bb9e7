"""The same programs here and in AISimulate, side by side.

python -m pip install --only-binary :all: aisimulate      # into an environment of its own
python -m benchmarks.peers --aisimulate ENVIRONMENT/bin/aisimulate

Writes the programs of a scenario as an agentic trace, has `aisimulate predict` replay it, replays it here, and writes
docs/performance.md. Trace, configuration, log and report stay in the folder `--work`.
"""

import argparse
import shutil
from pathlib import Path
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from agentsim_env import load_scenario
from agentsim_env.assembly import engines_of
from agentsim_env.load import prepare
from benchmarks import performance
from benchmarks.files import RESULTS, write_json
from benchmarks.machine import machine
from benchmarks.peers import aisimulate
from benchmarks.peers.here import replay
from benchmarks.peers.outcome import Outcome
from benchmarks.peers.table import HEADINGS, are_equal, lines
from benchmarks.peers.trace import write_trace

PEERS = RESULTS / "peers.json"


def main() -> None:
    """Writes the trace, replays it in both, prints and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aisimulate", default=shutil.which("aisimulate"), help="its command (default: on the path)")
    parser.add_argument("--scenario", default="coding_agents", help="name or path (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the programs (default: 0)")
    parser.add_argument("--runs", type=int, default=5, help="replays of each (default: 5)")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds that a run may take (default: 600)")
    parser.add_argument("--work", type=Path, default=Path("runs/peers"), help="folder (default: %(default)s)")
    given = parser.parse_args()
    console = Console()
    scenario = load_scenario(given.scenario)
    programs = prepare(scenario).draw(given.seed)
    folder: Path = given.work.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    trace = folder / "trace.jsonl"
    with console.status(f"writing {trace}"):
        write_trace(programs, trace, aisimulate.model_of(scenario))
        config = aisimulate.configuration(scenario, engines_of(scenario), trace)
        (folder / "aisimulate.yaml").write_text(config, encoding="utf-8")
    theirs = None
    if given.aisimulate:
        with console.status(f"aisimulate, {given.runs} times"):
            theirs = aisimulate.predict(given.aisimulate, folder, given.limit, given.runs)
    with console.status("replaying"):
        ours = replay(scenario, programs, trace, given.runs)
    show(console, ours, theirs)
    if theirs is None:
        console.print("AISimulate is not installed: see --help. Nothing is written.")
        return
    content = {
        "machine": machine() | {"aisimulate": aisimulate.version(given.aisimulate)},
        "scenario": scenario.name,
        "seed": given.seed,
        "programs": len(programs.program),
        "ours": ours._asdict(),
        "theirs": theirs._asdict(),
    }
    write_json(PEERS, content)
    console.print(f"wrote {PEERS} and {performance.write_page()}")


def show(console: Console, ours: Outcome, theirs: Outcome | None) -> None:
    """Prints both side by side."""
    table = Table(*HEADINGS, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for line in lines(ours, theirs):
        table.add_row(*line)
    console.print(table)
    if theirs is not None:
        factor = median(ours.turns_per_s) / median(theirs.turns_per_s)
        console.print(f"{factor:,.0f} times the turns per second; turns and tokens equal: {are_equal(ours, theirs)}")


if __name__ == "__main__":
    main()
