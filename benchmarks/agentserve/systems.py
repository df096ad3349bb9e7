"""The systems of the comparison, each as changes of the scenario `consumer_gpu` for a card and a model."""

from collections.abc import Callable
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


@cache
def _pool_blocks(gpu: str, model: str) -> int:
    """KV blocks of one engine that has the card for itself."""
    (engine,) = engines_of(load_scenario(SCENARIO, one_engine("vLLM")(gpu, model)))
    return engine.kv_blocks


SEPARATED = two_lanes()
"""AgentServe without its controller."""

ABLATIONS: dict[str, System] = {
    "no slots": two_lanes(partition=False),
    "budget 0": two_lanes(prefill_budget_tokens=0),
    "budget unlimited": two_lanes(prefill_budget_tokens=UNLIMITED),
    "static, 20 % for decodes": two_lanes(decode_share=0.2),
    "static, 70 % for decodes": two_lanes(decode_share=0.7),
}
"""What one of its parts is worth."""

SYSTEMS: dict[str, System] = {
    "two lanes": SEPARATED,
    **{name: one_engine(name) for name in ENGINES},
    "two processes": two_processes(0.0),
    "two processes, switches": two_processes(CONTEXT_SWITCH_S),
}
"""What the paper compares AgentServe with, by the names on the page."""
