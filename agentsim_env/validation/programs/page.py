"""The second half of docs/fidelity.md."""

from collections.abc import Sequence
from pathlib import Path

from agentsim_env.prose import wrapped
from agentsim_env.validation.halves import SECOND_TITLE
from agentsim_env.validation.programs.claims import SEEDS, Tried, tried
from agentsim_env.validation.programs.pd_tiers import pd_pairs
from agentsim_env.validation.programs.pull import Prefill, pulls
from agentsim_env.validation.programs.shared_prefix_cells import Pair, client_pairs, routing_pairs, tier_pairs
from agentsim_env.validation.programs.swe_agent_cells import replay_cells
from agentsim_env.validation.programs.swe_agent_page import section
from agentsim_env.validation.report import as_markdown, signed

RATIO_BAR = 0.15
"""Largest relative error of the ratio of two runs."""

HEAD = f"""\
{SECOND_TITLE}

Runs of whole programs and of shared prefixes on real engines, from public reports, and what published systems claim.
Written by `python -m agentsim_env.validation.programs --data DATA --out docs/fidelity.md`, which leaves the first half
as it is; DATA holds `validation/` and `traces/`. The time of the front end for each token of a prompt, 9.3 µs, was
chosen on one cell of the first table. Which vLLM served Qwen3-32B, which the reports do not say, was settled after
seeing its tiers (0.12 and 0.15 were tried), and the rows of a tile of experts after seeing the pulls. Nothing else was
chosen on anything here. Equal machines differ by 10 to 16 %, and most cells are single runs: where a pair differs by
less than 10 %, that is no change, a sign of its own.
"""
TIERS_OFF = """\
At 40/s both runs are far beyond what the engines serve, so that queues grow all the time: 6 % less throughput makes the
one 24 % slower here, 7 % more the other 22 % faster. At 10/s the means of TTFT hang on a few requests. gpt-oss-120b by
roofline serves 40/s without queues, where the report has them from 30/s on; its own throughput at 5/s (1,983 output
tokens/s, where 1,280 are asked for) says that it was loaded otherwise than it tells.
"""
TIERS = """\
250 prefixes of 16,000 tokens, five prompts behind each, on eight replicas of Qwen3-32B (llm-d, tiered-prefix-cache):
2.4 M tokens of KV in HBM, 10.5 M in CPU memory, 4.6 M in use. Without the tier the router scores what GPUs hold
(`llm_d`); with it GPU and CPU, for which stands a router that remembers what it has sent, as much as both hold
(`cache_aware`). gpt-oss-120b: sixteen replicas, 100 GiB each; the report does not tell how many prefixes there are, and
with 1,000, which is assumed, they do not fit the GPUs. Other over base.
"""
CLIENTS = """\
45 clients on the same replicas with 9,271 blocks each (gpu_memory_utilization 0.65) and 100 GiB of CPU memory: prefixes
of 30,000 tokens exceed the GPUs, those of 8,000 do not. The gateway remembers the last 500,000 tokens that it has sent
to each, in both runs (`cache_aware`).
"""
ROUTING = """\
150 prefixes of 6,000 tokens, five prompts behind each (llm-d, optimized-baseline): prefix-aware routing (`llm_d`)
against round robin, in the stages of the guide. Other over base.
"""
ROUTING_OFF = """\
gpt-oss-120b comes to a plateau at 14,000 to 15,000 output tokens/s with either router, which the simulation does not
have: its sixteen engines would give half as many more. Whether the engines or the one client are at their limit the
report does not say. TTFT is in the right order at every rate. Round robin on Qwen3-32B at 20 and 30/s gives less, or is
quicker, than at the next rates in the report: these cells are the noise of a single run.
"""
PULL = """\
One request whose prefix another replica of gpt-oss-120b has computed (H200, NIXL): time to the first token when it is
computed again and when its KV is pulled, over a link of 18.75 GB/s (the default of scenarios).
"""
PD = """\
Eight prefill replicas with 100 GiB of CPU memory each, two decode replicas (llm-d, pd-disaggregation), 1,000 prefixes
of 16,000 tokens, which are 1.32 times what the prefill GPUs hold. Other (with the tier) over base.
"""
PD_OFF = """\
Not reproduced: with a router that scores what is cached, eight least-recently-used caches keep most of the prefixes in
the simulation, and the GPUs stand half idle at 40/s. In the report they are overloaded there without the tier (22 of 40
requests/s), so that far fewer prefixes are found than fit. Up to 20/s both see little of the tier.
"""
NOT_TRIED = """\
Not replayed: Qwen3.6-35B-A3B, GLM-5.2, Nemotron-3, Qwen3-Coder-480B and DeepSeek-V4 (agentic tiers, wide expert
parallelism, program-aware scheduling, external stores): we have no description of these models or traces. The sign of
least attained service first against first come, first served (mean program time -21 %) is that of PLAS in the table of
claims.
"""
CLAIMS = """\
What systems claim of themselves or of each other: the ratio of mean JCTs on a scenario of the library, {seeds} seeds.
*size*: within the claimed range; *sign*: on the same side of 1; *no*: on the other, or no change (3 %). A claim about
throughput counts as its inverse. None of the scenarios was made to meet a claim; most differ from the published setting
in load, model or trace.
"""


def page(data: Path) -> str:
    """The whole half.

    Args:
        data: Folder with `validation/` and `traces/`.
    """
    tiers, clients, routing, pd = tier_pairs(data), client_pairs(data), routing_pairs(data), pd_pairs(data)
    parts = [HEAD, section(replay_cells(data))]
    parts += ["### A CPU tier below shared prefixes", TIERS, _pairs(tiers), _summary(tiers), TIERS_OFF]
    parts += [CLIENTS, _pairs(clients), _summary(clients)]
    parts += ["### Routing shared prefixes", ROUTING, _pairs(routing), _summary(routing), ROUTING_OFF]
    parts += ["### Pull or recompute", PULL, _pulls(pulls(data))]
    parts += ["### A CPU tier where prefill is apart", PD, _pairs(pd), _summary(pd), PD_OFF, NOT_TRIED]
    parts += ["### Claims of published systems", CLAIMS.format(seeds=len(SEEDS)), _claims(tried())]
    return wrapped("\n\n".join(part.strip() for part in parts)) + "\n"


def _pairs(pairs: Sequence[Pair]) -> str:
    header = ["run", "metric", "base", "other", "ratio measured", "ratio simulated", "error of the ratio", "sign"]
    cells = []
    for pair in pairs:
        base, other = zip(pair.measured, pair.simulated, strict=True)
        one, two = pair.ratios
        sign = "same" if pair.agrees_in_sign else "other"
        shown = (f"{_number(measured)} → {_number(simulated)}" for measured, simulated in (base, other))
        cells.append([pair.name, pair.metric, *shown, f"{one:.2f}", f"{two:.2f}", signed(pair.ratio_error), sign])
    return as_markdown(header, cells)


def _summary(pairs: Sequence[Pair]) -> str:
    """How many pairs agree, by metric."""
    lines = []
    for metric in dict.fromkeys(pair.metric for pair in pairs):
        found = [pair for pair in pairs if pair.metric == metric]
        same = sum(pair.agrees_in_sign for pair in found)
        near = sum(abs(pair.ratio_error) <= RATIO_BAR for pair in found)
        lines.append(
            f"{metric}: same sign in {same} of {len(found)} pairs, ratio within {100 * RATIO_BAR:.0f} % in {near}"
        )
    return "; ".join(lines) + "."


def _pulls(found: Sequence[Prefill]) -> str:
    header = ["prefix", "recompute (ms)", "pull (ms)", "ratio measured", "ratio simulated"]
    cells = []
    for one in found:
        times = (f"{1e3 * a:.0f} → {1e3 * b:.0f} ({signed(b / a - 1.0)})" for a, b in (one.recompute, one.pull))
        cells.append([f"{one.tokens:,}", *times, *(f"{ratio:.2f}" for ratio in one.ratios)])
    return as_markdown(header, cells)


def _claims(found: Sequence[Tried]) -> str:
    header = ["system", "claim", "tried on", "claimed ratio", "here", "agrees in", "why not"]
    cells = []
    for one in found:
        low, high = one.claim.claimed
        why = "" if one.verdict == "size" else " ".join(one.claim.why.split())
        claimed = f"{low:.2f} to {high:.2f}"
        cells.append(
            [
                one.claim.system,
                one.claim.claim,
                f"`{one.claim.scenario}`",
                claimed,
                f"{one.ratio:.2f}",
                one.verdict,
                why,
            ]
        )
    return as_markdown(header, cells)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
