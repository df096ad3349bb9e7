"""The figures of an episode."""

from typing import TYPE_CHECKING

import numpy as np

from agentsim_env.metrics.mechanisms import counters, idle_rules
from agentsim_env.metrics.objectives import Objectives, objectives_of
from agentsim_env.metrics.outcomes import mean_cost_s, outcomes
from agentsim_env.metrics.token_seconds import TOKEN_SECONDS
from agentsim_env.scenario.reward import Reward

if TYPE_CHECKING:
    from agentsim_env.metrics.records import Records
    from agentsim_env.scenario.episode import Slo

QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
"""Quantiles that are shown, linearly interpolated."""


def summarise(records: "Records", slo: "Slo | None" = None) -> dict[str, float]:
    """Figures of the counted programs and their turns; `docs/metrics.md` defines each.

    Args:
        records: The episode.
        slo: Objectives, those that are absent being met; by default the ones in the records' metadata.

    Returns:
        Figures by name; one without a sample is left out, so that none is NaN.
    """
    programs, turns = records.counted_programs, records.counted_turns
    done = programs[programs["state"] == "done"]
    span_s = makespan_s(records)
    figures = outcomes(*(programs["state"] == how for how in ("done", "failed", "rejected")))
    figures["turns"] = float((~np.isnan(turns["end_s"])).sum())
    figures |= _cost(records)
    figures |= statistics("jct_s", done["jct_s"])
    figures |= statistics("ttft_s", ttft_s(turns))
    figures |= statistics("tpot_s", tpot_s(turns))
    figures |= statistics("queueing_s", turns["queueing_s"])
    figures |= statistics("slowdown", done["slowdown"])
    if len(done):
        figures["mean_gap_s"] = float(done["gap_s"].mean())
        figures["mean_ideal_s"] = float(done["ideal_s"].mean())
        figures["jct_over_ideal"] = figures["mean_jct_s"] / figures["mean_ideal_s"]
        figures["mean_held_s"] = float(done["held_s"].mean())
        figures["mean_paused_s"] = float(done["paused_s"].mean())
    figures |= _steps(records.steps)
    figures |= _tokens(turns)
    figures |= _rates(figures, span_s)
    figures |= _goodput(programs, turns, objectives_of(records, slo), span_s)
    figures |= _resources(records)
    figures |= {name: count for name, count in counters(records).items() if name not in figures}
    figures["idle_rules"] = float(len(idle_rules(records)))
    return figures


def ttft_s(turns: np.ndarray) -> np.ndarray:
    """Time to first token of each turn, from its readiness; NaN where there is none yet."""
    return turns["first_token_s"] - turns["ready_s"]


def tpot_s(turns: np.ndarray) -> np.ndarray:
    """Mean time per output token after the first of each turn; NaN where there is no second token."""
    later = np.where(turns["output_tokens"] > 1, turns["output_tokens"] - 1.0, np.nan)
    return (turns["end_s"] - turns["first_token_s"]) / later


def makespan_s(records: "Records") -> float:
    """From the first arrival of a counted program to the end of the last, or to now if one has not ended."""
    programs = records.counted_programs
    arrived = programs[~np.isnan(programs["arrival_s"])]
    if len(arrived) == 0:
        return 0.0
    all_ended = len(arrived) == len(programs) and not np.isnan(programs["end_s"]).any()
    return float((arrived["end_s"].max() if all_ended else records.now_s) - arrived["arrival_s"].min())


def turns_in_slo(turns: np.ndarray, objectives: Objectives) -> np.ndarray:
    """Which turns have ended within the objectives for TTFT and TPOT, `bool [turns]`; one token has no TPOT to miss."""
    return (ttft_s(turns) <= objectives.ttft_s) & ~(tpot_s(turns) > objectives.tpot_s) & ~np.isnan(turns["end_s"])


def programs_in_slo(programs: np.ndarray, turns: np.ndarray, objectives: Objectives) -> np.ndarray:
    """Which programs are done, every turn and the program itself within the objectives, `bool [programs]`.

    Args:
        programs: Rows of programs.
        turns: The rows of all their turns, in the same order.
        objectives: What is asked of them.
    """
    # Turns of a program are contiguous: number the programs of these rows from 0.
    number = np.repeat(np.arange(len(programs)), programs["n_turns"])
    missed = np.bincount(number, weights=~turns_in_slo(turns, objectives), minlength=len(programs))
    return (programs["state"] == "done") & ~(programs["slowdown"] > objectives.slowdown) & (missed == 0)


def statistics(name: str, values: np.ndarray) -> dict[str, float]:
    """Mean and quantiles of values that are not NaN; nothing where there is none."""
    sample = values[~np.isnan(values)]
    if len(sample) == 0:
        return {}
    quantiles = np.quantile(sample, list(QUANTILES.values()))
    named = {f"{label}_{name}": float(value) for label, value in zip(QUANTILES, quantiles, strict=True)}
    return {f"mean_{name}": float(sample.mean()), **named}


def _steps(steps: np.ndarray) -> dict[str, float]:
    """How long the steps of societies took in which somebody called; nothing where there are none."""
    ended = steps[(steps["calls"] > 0) & ~np.isnan(steps["ended_s"])]
    if len(ended) == 0:
        return {}
    figures = {"steps": float(len(ended))}
    figures |= statistics("step_s", ended["ended_s"] - ended["begun_s"])
    return figures | statistics("step_stall_s", ended["stall_s"])


def _tokens(turns: np.ndarray) -> dict[str, float]:
    ended = turns[~np.isnan(turns["end_s"])]
    again = _total(turns, "readmission_lookup_tokens")
    figures = {
        "prompt_tokens": _total(ended, "prompt_tokens"),
        "output_tokens": _total(ended, "output_tokens"),
        "recomputed_tokens": _total(turns, "recomputed_tokens"),
        "preemptions": _total(turns, "preemptions"),
        "readmission_lookup_tokens": again,
    }
    if again:
        figures["readmission_hit_rate"] = _total(turns, "readmission_hit_tokens") / again
    return figures | hit_figures(turns, turns["prompt_tokens"])


def hit_figures(turns: np.ndarray, prompt_tokens: np.ndarray) -> dict[str, float]:
    """How much of their prompts turns found in the KV cache when they first joined a batch.

    Args:
        turns: Rows of the records, or of the state, with `scheduled_s` and `hit_tokens`.
        prompt_tokens: Their prompts.
    """
    looked_up = int(prompt_tokens[~np.isnan(turns["scheduled_s"])].sum(dtype=np.int64))
    return {"hit_rate": _total(turns, "hit_tokens") / looked_up} if looked_up else {}


def _cost(records: "Records") -> dict[str, float]:
    """The mean cost of the counted programs that have ended, where the metadata say what is charged."""
    if "reward" not in records.metadata:
        return {}
    programs = records.counted_programs
    ended = programs[~np.isnan(programs["end_s"])]
    unserved, reward = ended["state"] != "done", Reward.model_validate(records.metadata["reward"])
    return mean_cost_s(ended["arrival_s"], ended["end_s"], ended["gap_s"], unserved, reward)


def _total(rows: np.ndarray, name: str) -> float:
    return float(rows[name].sum(dtype=np.int64))


def _rates(figures: dict[str, float], span_s: float) -> dict[str, float]:
    rates = {"makespan_s": span_s}
    if span_s <= 0.0:
        return rates
    names = {
        "programs": "programs_done",
        "turns": "turns",
        "prompt_tokens": "prompt_tokens",
        "output_tokens": "output_tokens",
    }
    rates |= {f"{name}_per_s": figures[total] / span_s for name, total in names.items()}
    return rates | {"tokens_per_s": rates["prompt_tokens_per_s"] + rates["output_tokens_per_s"]}


def _goodput(programs: np.ndarray, turns: np.ndarray, objectives: Objectives, span_s: float) -> dict[str, float]:
    if span_s <= 0.0:
        return {}
    good_programs = float(programs_in_slo(programs, turns, objectives).sum())
    good_turns = float(turns_in_slo(turns, objectives).sum())
    figures = {"goodput_programs_per_s": good_programs / span_s, "goodput_turns_per_s": good_turns / span_s}
    if n_programs := int((~np.isnan(programs["end_s"])).sum()):
        figures["programs_in_slo"] = good_programs / n_programs
    if n_turns := int((~np.isnan(turns["end_s"])).sum()):
        figures["turns_in_slo"] = good_turns / n_turns
    with_deadline = programs[np.isfinite(programs["deadline_s"])]
    if len(with_deadline):
        in_time = (with_deadline["state"] == "done") & (with_deadline["end_s"] <= with_deadline["deadline_s"])
        figures["deadlines_met"] = float(in_time.mean())
    return figures


def _resources(records: "Records") -> dict[str, float]:
    """Use and cost of the instances over the whole episode, the warm-up included."""
    instances = records.instances
    figures = {"cost_usd": float(instances["cost_usd"].sum())}
    for kind in TOKEN_SECONDS:
        token_s = float(instances[f"{kind}_token_s"].sum())
        if not np.isnan(token_s):
            figures[f"{kind}_token_s"] = token_s
    if (up_s := float(instances["up_s"].sum())) > 0.0:
        figures["utilisation"] = float(instances["busy_s"].sum()) / up_s
    if n_done := int((records.programs["state"] == "done").sum()):
        figures["cost_usd_per_1k_programs"] = 1000.0 * figures["cost_usd"] / n_done
    return figures
