"""Random parameters of the rules, with which each has something to do."""

import numpy as np

from tests.engine.random_scenarios.knobs import TICK_S, Knobs


def admit_parameters(knobs: Knobs, rng: np.random.Generator) -> dict[str, float]:
    """Parameters with which the rule that admits has something to do."""
    if knobs.admit == "max_programs":
        return {"per_instance": float(rng.choice([0.5, 1, 2])), "most_held": float(rng.choice([0, 1, 3, 100]))}
    if knobs.admit in ("watermark", "gate"):
        return {"utilisation_limit": float(rng.choice([0.2, 0.5, 0.9]))}
    if knobs.admit in ("concur", "concur_tuned"):
        window = {"first_window": float(rng.choice([1, 3, 6])), "period_s": float(rng.choice([2, 5, 20])) * TICK_S}
        return window | (concur_limits(rng) if knobs.admit == "concur" else {})
    if knobs.admit == "hysteresis_gate":
        most, least = rng.choice([(0, 0), (1, 0), (3, 1), (48, 24)])
        marks = {"most_waiting": float(most), "least_waiting": float(least)}
        period_s = float(rng.choice([2, 20])) * TICK_S
        return marks | {"utilisation_limit": float(rng.choice([0.3, 0.85])), "period_s": period_s}
    if knobs.admit in ("thunder_agent", "mori"):
        tokens = {"period_s": float(rng.choice([2, 5, 20])) * TICK_S, "buffer_tokens": float(rng.choice([0, 100, 700]))}
        tokens["attribution"] = float(rng.integers(3))
        return tokens | ({"half_life_s": float(rng.choice([0.05, 1.0]))} if knobs.admit == "thunder_agent" else {})
    return {}


def concur_limits(rng: np.random.Generator) -> dict[str, float]:
    """As published, or such that small caches come to them more often."""
    low, high, hit_rate = rng.choice([(0.2, 0.5, 0.2), (0.3, 0.6, 0.9)])
    return {"low_utilisation": float(low), "high_utilisation": float(high), "low_hit_rate": float(hit_rate)}


def route_parameters(knobs: Knobs, rng: np.random.Generator) -> dict[str, float]:
    """Limits that prompts and queues of a few hundred tokens come to."""
    if knobs.rule == "sticky_until_saturated":
        return {
            "warm_share": float(rng.choice([0.3, 0.8])),
            "peak_prefill_tokens_per_s": 1000.0,
            "patience_s": float(rng.choice([0.0, 0.1, 18.0])),
        }
    if knobs.rule == "smetric":
        return {"load_limit": float(rng.choice([1.0, 2.0])), "hit_share": float(rng.choice([0.3, 0.5, 1.0]))}
    learned = {"forgetting": float(rng.choice([0.5, 0.95, 1.0])), "prior_weight": float(rng.choice([1e-6, 0.1]))}
    if knobs.rule == "kv_routing":
        return learned | {
            "prefill_s_per_token": float(rng.choice([1e-4, 1e-3])),
            "fade_s": float(rng.choice([0.1, 0.63])),
        }
    if knobs.rule == "thompson":
        return learned | {"exploration": float(rng.choice([0.1, 1.0])), "prior_weight": 0.1}
    return {}


def schedule_parameters(knobs: Knobs, rng: np.random.Generator) -> dict[str, float]:
    """A half-life about as long as gaps, or longer."""
    return {"half_life_s": float(rng.choice([5, 100, 60 / TICK_S])) * TICK_S} if knobs.schedule == "llm_d_las" else {}


def retain_parameters(knobs: Knobs, rng: np.random.Generator) -> dict[str, float]:
    """Pins about as long as the gaps and as the iterations, or much longer."""
    given = pin_parameters(knobs, rng)
    if given:
        given["expired_first"] = float(rng.integers(2))
    return given | move_parameters(knobs, rng)


def pin_parameters(knobs: Knobs, rng: np.random.Generator) -> dict[str, float]:
    """Of the rules that pin."""
    if knobs.retain == "ttl":
        return {"tau_s": float(rng.choice([1, 4, 20, 100, 1000, np.inf])) * TICK_S, "firm": float(rng.choice([0, 1]))}
    firm = {"firm": float(rng.choice([0, 1]))}
    if knobs.retain == "continuum":
        return {"first_gap_s": float(rng.choice([1, 20])) * TICK_S, "samples": float(rng.choice([1, 3, 10]))} | firm
    if knobs.retain in ("continuum_released", "gate"):
        return {
            "tau_s": float(rng.choice([4, 20, 100])) * TICK_S,
            "slow_s": float(rng.choice([2, 10, 40])) * TICK_S,
        } | firm
    if knobs.retain == "saga_ttl":
        ranges = {"low_pressure": 0.3, "high_pressure": 0.8, "shrink": float(rng.choice([0.5, 1.0]))}
        return {"deviations": 1.5, **ranges, "most_s": float(rng.choice([20, 1e6])) * TICK_S} | firm
    if knobs.retain == "tool_ttl":
        return {"quantile": float(rng.choice([0.0, 0.5, 0.9]))} | firm
    if knobs.retain in ("infercept", "oracle_gap"):
        tokens = {"saturation_tokens": float(rng.choice([0, 16, 100]))} | firm
        if knobs.retain == "oracle_gap":
            return tokens | {"margin_s": float(rng.choice([0.001, 1.0]))}
        return tokens | {"period_s": float(rng.choice([1, 2, 7])) * TICK_S}
    return {}


def move_parameters(knobs: Knobs, rng: np.random.Generator) -> dict[str, float]:
    """Of the rules that move down."""
    if knobs.retain == "tokencake":
        return {"usage": float(rng.choice([0.1, 0.6])), "window_ratio": float(rng.choice([0.1, 1.0]))}
    return {"low_water": float(rng.choice([0.25, 0.8]))} if knobs.retain == "pensieve" else {}


def evict_parameters(knobs: Knobs, rng: np.random.Generator) -> dict[str, float]:
    """Weights with which each term of a score may decide."""
    if knobs.evict == "saga_wa_lru":
        weights = rng.permutation([0.3, 0.5, 0.2])
        return {f"{name}_weight": float(w) for name, w in zip(("idle", "reuse", "size"), weights, strict=True)}
    if knobs.evict == "kvflow":
        return {"level": float(rng.choice([1, 4]))}
    if knobs.evict == "tlru":
        return {
            "threshold_tokens": float(rng.choice([100, 300, 2048])),
            "next_prompt_tokens": float(rng.choice([0, 50])),
        }
    return {"alpha": float(rng.choice([0.0, 0.5, 2.0]))} if knobs.evict == "marconi" else {}


def prefetch_parameters(knobs: Knobs, rng: np.random.Generator) -> dict[str, float]:
    """Ticks about as often as iterations, and margins about as long as gaps."""
    period_s = float(rng.choice([1, 4, 20])) * TICK_S
    margin_s = float(rng.choice([0, 4, 100])) * TICK_S
    return {
        "look_ahead": {"share": float(rng.choice([0.1, 0.5, 1.0]))},
        "predicted_return": {"margin_s": margin_s, "ema": float(rng.choice([0, 1])), "period_s": period_s},
        "saga_margin": {"margin_s": margin_s, "deviations": float(rng.choice([-1.0, 0.0, 1.0])), "period_s": period_s},
        "scalesim": {
            "load_ahead": float(rng.choice([1, 2, 5])),
            "period_s": period_s,
            "renew": float(rng.choice([0, 1, 1])),
        },
        "kvflow": {"load_ahead": float(rng.choice([1, 5])), "period_s": period_s},
        "oracle_next_use": {"period_s": period_s},
        "oracle_return": {"margin_s": margin_s, "period_s": period_s},
    }.get(knobs.prefetch, {})


def budget_parameters(knobs: Knobs, rng: np.random.Generator) -> dict[str, float]:
    """Objectives near what a token takes, so that decodes are protected and relaxed in turn."""
    if knobs.budget == "keep":
        return {}
    # No round numbers: a time per token that rounding made must not be as long as a threshold.
    high = float(rng.uniform(0.6, 1.4))
    return {
        "period_s": float(rng.choice([1, 5, 20])) * TICK_S,
        "slo_factor": float(rng.uniform(1.0, 2.5)),
        "high": high,
        "low": high * float(rng.uniform(0.5, 1.0)),
        "step_tokens": float(rng.choice([0, 16, 64])),
        "step_share": float(rng.choice([0.0, 0.1, 0.25])),
        "most_tokens": float(rng.choice([64, 512])),
        "least_share": 0.1,
        "most_share": 0.8,
    }
