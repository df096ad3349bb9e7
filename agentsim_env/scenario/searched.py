"""Where a search looks for the parameters of rules: the values that are worth a trial, beside those that are allowed.

`agentsim_env.scenario.rules` has the values that a parameter may have at all. A parameter without a row here is looked
for from a quarter of its default to four times it, evenly in its logarithm; one whose default is 0 stays there.
"""

from typing import NamedTuple

from agentsim_env.scenario.rules import PARAMETER_RANGE, PARAMETER_RANGES

WIDTH = 4.0
"""How many times its default a parameter without a row is at most, and the default of it at least."""


class Searched(NamedTuple):
    """Values of a parameter.

    Attributes:
        low: The least.
        high: The largest.
        is_ratio: They are drawn evenly in their logarithm, else evenly.
        is_whole: Whole numbers.
    """

    low: float
    high: float
    is_ratio: bool = False
    is_whole: bool = False


def _share(low: float = 0.0, high: float = 1.0) -> Searched:
    return Searched(low, high)


def _ratio(low: float, high: float) -> Searched:
    return Searched(low, high, is_ratio=True)


def _count(low: float, high: float) -> Searched:
    return Searched(low, high, is_ratio=low > 0, is_whole=True)


_YES_OR_NO = Searched(0.0, 1.0, is_whole=True)

SEARCHED: dict[str, Searched | None] = {
    # Admission.
    "per_instance": _count(1, 64),
    "most_held": None,  # who rejects pays for it: the cap is the objective's business
    "utilisation_limit": _share(0.5, 1.0),
    "most_waiting": _count(2, 200),
    "least_waiting": _count(1, 100),
    "decrease": _share(0.2, 0.95),
    "low_utilisation": _share(0.1, 0.95),
    "high_utilisation": _share(0.3, 1.0),
    "low_hit_rate": _share(0.0, 0.95),
    "high_hit_rate": _share(0.5, 1.0),
    "first_window": _count(2, 64),
    "buffer_tokens": _ratio(10, 10_000),
    "attribution": _count(0, 2),
    # Routing.
    "affinity_limit": _ratio(0.3, 3.0),
    "cache_threshold": _share(),
    "balance_rel_threshold": _ratio(1.05, 4.0),
    "router_temperature": None,
    "relative_prefix": _YES_OR_NO,
    "warm_share": _share(0.2, 1.0),
    "peak_prefill_tokens_per_s": None,  # that of the GPU
    "load_limit": _ratio(1.1, 6.0),
    "hit_share": _share(),
    "rebalance_ratio": _ratio(1.1, 4.0),
    "forgetting": _share(0.8, 0.999),
    # Scheduling.
    "queues": _count(2, 8),
    "quantum_growth": _ratio(1.5, 8.0),
    "service_weight": _share(),
    "wait_weight": _share(),
    # Retention.
    "tau_s": _ratio(0.25, 60.0),
    "slow_s": _ratio(0.5, 60.0),
    "firm": _YES_OR_NO,
    "expired_first": _YES_OR_NO,
    "saturation_tokens": None,  # 0: the instance's own
    "deviations": _share(0.0, 4.0),
    "low_pressure": _share(0.3, 0.9),
    "high_pressure": _share(0.6, 1.0),
    "shrink": _share(0.1, 1.0),
    "quantile": _share(0.3, 1.0),
    "usage": _share(0.2, 0.95),
    "low_water": _share(0.05, 0.7),
    # Eviction.
    "idle_weight": _share(),
    "reuse_weight": _share(),
    "size_weight": _share(),
    # Prefetch.
    "share": _share(0.1, 1.0),
    "margin_s": _share(-2.0, 5.0),
    "ema": _YES_OR_NO,
    "renew": _YES_OR_NO,
    # Prefill budgets.
    "high": _share(0.6, 1.2),
    "low": _share(0.4, 1.0),
    "least_share": _share(0.05, 0.4),
    "most_share": _share(0.4, 0.95),
}
"""By the name of the parameter; None: it is not looked for."""


def searched(name: str, default: float) -> Searched | None:
    """The values in which a parameter is looked for; None if it keeps its default."""
    if name in SEARCHED:
        return SEARCHED[name]
    if default == 0.0:
        return None
    least, most, _ = PARAMETER_RANGES.get(name, PARAMETER_RANGE)
    return _ratio(max(least, default / WIDTH), min(most, default * WIDTH))
