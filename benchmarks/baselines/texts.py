"""What the numbers say, in sentences made from them."""

from math import isnan

from benchmarks.baselines.policies import Policy
from benchmarks.baselines.results import Results

LADDER = ("pressure_2", "pressure_1", "pressure_0.5", "pressure_0.25")
AMPLE = "pressure_2"
LARGE_MODEL = "swe_agents_70b"
RELEASED = "continuum_released"
GATES = ("thunderagent", "mori", "concur", "concur_tuned")
"""Bundles that are known for what they let in."""


def percent(results: Results, scenario: str, policy: str) -> str:
    """A change of mean JCT with its interval."""
    found = results.change(scenario, policy)
    if isnan(found.low):
        return f"{100 * found.estimate:+.0f} %"
    return f"{100 * found.estimate:+.0f} % [{100 * found.low:+.0f}, {100 * found.high:+.0f}]"


def findings(results: Results) -> list[str]:
    """Paragraphs, those whose scenarios and policies are there."""
    parts = [_ample(results), _gates(results), _released(results), _best(results), _retention(results)]
    return [part for part in parts if part]


def _ample(results: Results) -> str:
    if AMPLE not in results.scenarios:
        return ""
    others = list(results.policies[1:])
    apart = sorted(
        (policy.name for policy in others if results.significant(AMPLE, policy.name)),
        key=lambda name: -results.change(AMPLE, name).estimate,
    )
    best = min(results.change(AMPLE, policy.name).estimate for policy in others)
    shown = ", ".join(f"`{name}` ({100 * results.change(AMPLE, name).estimate:+.0f} %)" for name in apart)
    rest = f", and none gains more than {max(0.0, -100 * best):.1f} %."
    rest += f" The others drop, pin, hold back or spread contexts that would have fitted: {shown}." if apart else ""
    return (
        f"**Where memory is ample, everything ties.** On `{AMPLE}`, {len(others) - len(apart)} of {len(others)}"
        f" policies are within 2 % of stock or cannot be told apart from it{rest}"
    )


def _gates(results: Results) -> str:
    names = [name for name in GATES if any(policy.name == name for policy in results.policies)]
    scenarios = [name for name in (*LADDER, LARGE_MODEL) if name in results.scenarios]
    if not names or not scenarios:
        return ""
    lines = ["| | " + " | ".join(f"`{name}`" for name in names) + " |", "|---|" + "---:|" * len(names)]
    for scenario in scenarios:
        cells = [percent(results, scenario, name) for name in names]
        lines.append(f"| `{scenario}` | " + " | ".join(cells) + " |")
    best = {scenario: min(results.change(scenario, name).estimate for name in names) for scenario in scenarios}
    wins = [scenario for scenario in scenarios if best[scenario] < -0.2]
    loses = [s for s in scenarios if any(results.change(s, n).low > 0.02 for n in names)]
    said = "**Keeping programs out "
    said += f"wins by far on {_listed(wins)}**" if wins else "does not win by far anywhere here**"
    said += f", and loses, for one gate at least, on {_listed(loses)}." if loses else "."
    why = (
        " Where the working set is a little larger than memory, pausing a few programs saves the contexts of the"
        " others. Where memory holds a small part of it, most programs have to wait in any case: an order of the queue"
        " that goes by what is cached does the same without leaving instances idle."
    )
    return said + why + "\n\n" + "\n".join(lines)


def _released(results: Results) -> str:
    """What the released Continuum does to a large model: its pins alone, and with the order of the queue."""
    known = {policy.name for policy in results.policies}
    pins_alone = f"retain_kv: {RELEASED}"
    if LARGE_MODEL not in results.scenarios or pins_alone not in known:
        return ""
    loses = results.change(LARGE_MODEL, pins_alone).low > 0.0
    verdict = "lose to LRU on the large model" if loses else "do not lose to LRU on the large model"
    counted = {name: results.mean(LARGE_MODEL, pins_alone, name) for name in ("pins_made", "pins_used", "pins_broken")}
    text = (
        f"**Continuum's pins as released {verdict}**: {percent(results, LARGE_MODEL, pins_alone)} on `{LARGE_MODEL}`,"
        " the queue being served in its order. AgentServeSim's arena (arXiv 2606.09613), which compares it as a rule of"
        f" retention, has +19 %. Here {counted['pins_made']:,.0f} pins are made per episode,"
        f" {counted['pins_used']:,.0f} used and {counted['pins_broken']:,.0f} broken: what they keep is not there for"
        " the turn that waits at the head of the queue."
    )
    others = {"The order of its queue alone": "schedule_turn: continuum", "both together": RELEASED}
    measured = [f"{what} {percent(results, LARGE_MODEL, name)}" for what, name in others.items() if name in known]
    if measured:
        text += f" {'; '.join(measured)}: pins pay where the turns that they were made for are served first."
    return text


def _best(results: Results) -> str:
    lines = [
        "| scenario | best without sight of the future | change | over the bound | best of all |",
        "|---|---|---:|---:|---|",
    ]
    for scenario in results.scenarios:
        best = results.best(scenario, list(results.online()))
        over = results.mean(scenario, best.name, "mean_jct_s") / results.mean(scenario, best.name, "mean_ideal_s")
        oracle = results.best(scenario, results.policies)
        cells = (
            f"`{scenario}`",
            f"`{best.name}`",
            percent(results, scenario, best.name),
            f"{over:.2f}",
            f"`{oracle.name}`",
        )
        lines.append("| " + " | ".join(cells) + " |")
    names = {results.best(scenario, list(results.online())).name for scenario in results.scenarios}
    return (
        f"**No policy is best everywhere.** {len(names)} different ones are, of {len(results.scenarios)} scenarios.\n\n"
        + "\n".join(lines)
    )


def _retention(results: Results) -> str:
    """What rules of one kind are worth alone: the span from the best to the worst."""
    alone = [policy for policy in results.policies if policy.kind != "bundle" and not policy.oracle]
    kinds = list(dict.fromkeys(policy.kind for policy in alone))
    if not kinds:
        return ""
    lines = ["| | " + " | ".join(f"`{kind}`" for kind in kinds) + " |", "|---|" + "---:|" * len(kinds)]
    for scenario in results.scenarios:
        cells = []
        for kind in kinds:
            changes = [100 * results.change(scenario, p.name).estimate for p in _of_kind(results, kind)]
            cells.append(f"{min(changes):+.0f} … {max(changes):+.0f}")
        lines.append(f"| `{scenario}` | " + " | ".join(cells) + " |")
    return (
        "**What one decision is worth alone**, from the best to the worst rule of its kind that does not see the"
        " future, change of mean JCT in percent:\n\n" + "\n".join(lines)
    )


def _of_kind(results: Results, kind: str) -> list[Policy]:
    return [policy for policy in results.policies if policy.kind == kind and not policy.oracle]


def _listed(names: list[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
