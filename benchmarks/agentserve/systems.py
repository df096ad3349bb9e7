"""The systems of the comparison, each as changes of the scenario `consumer_gpu` for a card and a model."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from agentsim_env import load_scenario
from agentsim_env.assembly import engines_of
from benchmarks.consumer_gpu.runs import ENGINES
from benchmarks.consumer_gpu.tasks import SCENARIO

UNLIMITED = 1_000_000
"""Tokens of a resume prefill that every one is below."""

System = Callable[[str, str], dict[str, Any]]
"""Changes of the scenario, by card and model."""

HOST_GB_PER_S = 25.6
"""KV goes from one process to the other through the host: 80 % of PCIe 4 x16, as between all tiers."""

CONTEXT_SWITCH_S = 0.0126
"""What an iteration takes longer that begins while the other process works. No source has it for these cards: tuned on
the reproduction's TPOT p95 with two contexts (34.4 ms), and on nothing else."""


LEAST_SHARE = 0.2
"""What the controller leaves decodes at least: the smallest slot on which a step alone is within twice its time on all
SMs (`agentsim_env.hardware.lanes`: 1.28 times on 20 %, 2.42 times on 10 %), which is the objective. The paper's bound
of R_min is in no public text."""


def one_engine(name: str) -> System:
    """One process with the whole card, by a name of `ENGINES`."""
    return lambda gpu, model: {"cluster.model": model, "cluster.instances": [{"gpu": gpu, **ENGINES[name]}]}


def two_processes(context_switch_s: float) -> System:
    """Prefill and decode in processes of their own on one card, half of the KV pool each, as SGLang's are in the paper.

    Two copies of the weights do not fit these cards with the larger models, so that the pool is halved, not the memory.
    """

    def changes(gpu: str, model: str) -> dict[str, Any]:
        half = {"gpu": gpu, "shares_gpu": "card", "kv_blocks": _pool_blocks(gpu, model) // 2}
        return {
            "cluster.model": model,
            "cluster.instances": [half | {"mode": mode} for mode in ("prefill", "decode")],
            "cluster.peer_link": {"link_gb_per_s": HOST_GB_PER_S},
            "cluster.context_switch_s": context_switch_s,
        }

    return changes


def two_lanes(**given: object) -> System:
    """One process with a lane for decodes and one for prefills; `given` differs from the defaults of `Lanes`."""
    return lambda gpu, model: {
        "cluster.model": model,
        "cluster.instances": [{"gpu": gpu, "mode": "two_lanes", "lanes": given}],
    }


def agent_serve(rule_params: Mapping[str, float] | None = None, **lanes: object) -> System:
    """Two lanes with the controller; `rule_params` differ from the defaults of `tpot_feedback`, `lanes` from those."""
    rules = {
        "rules.set_prefill_budget": "tpot_feedback",
        "rules.rule_params": {"set_prefill_budget": {"least_share": LEAST_SHARE, **(rule_params or {})}},
    }
    return lambda gpu, model: two_lanes(**lanes)(gpu, model) | rules


@cache
def _pool_blocks(gpu: str, model: str) -> int:
    """KV blocks of one engine that has the card for itself."""
    (engine,) = engines_of(load_scenario(SCENARIO, one_engine("vLLM")(gpu, model)))
    return engine.kv_blocks


AGENT_SERVE = agent_serve()

NO_FEEDBACK = two_lanes()
"""Two lanes without the controller."""

SIDE_BY_SIDE = two_lanes(partition=False, prefill_budget_tokens=0)
"""Prefills beside decodes without SMs set apart, and no prefill among the decodes."""

MERGING = two_lanes(partition=False, prefill_budget_tokens=UNLIMITED)
"""The same with every resume prefill among the decodes."""

ABLATIONS: dict[str, System] = {
    "no feedback": NO_FEEDBACK,
    "no slots": agent_serve(partition=False),
    "neither": two_lanes(partition=False),
    "static, 20 %": two_lanes(decode_share=0.2),
    "static, 30 %": two_lanes(decode_share=0.3),
    "static, 70 %": two_lanes(decode_share=0.7),
    "down to 10 %": agent_serve({"least_share": 0.1}),
    "budget 0": agent_serve({"most_tokens": 0.0}, prefill_budget_tokens=0),
    "budget unlimited": agent_serve({"step_tokens": 0.0, "most_tokens": UNLIMITED}, prefill_budget_tokens=UNLIMITED),
}
"""What one of its parts is worth; a percentage is the share of the SMs for decodes."""

SYSTEMS: dict[str, System] = {
    "AgentServe": AGENT_SERVE,
    **{name: one_engine(name) for name in ENGINES},
    "two processes": two_processes(0.0),
    "two processes, switches": two_processes(CONTEXT_SWITCH_S),
}
"""AgentServe and what the paper compares it with, by the names on the page."""

BASELINES = tuple(name for name in SYSTEMS if name != "AgentServe")

PROMPTS_FIRST = two_lanes(slots=100, decode_share=0.01, prefill_budget_tokens=0)
"""All prompts on 99 % of the SMs, whatever becomes of the decodes: what cold TTFT could be at best."""
