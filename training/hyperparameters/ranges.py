"""What a hyper-parameter can be; the rest is refused before there is a run."""

from math import inf, isfinite
from typing import Any, NamedTuple

from agentsim_env.limits import LARGEST, SMALLEST
from agentsim_env.training.errors import TrainingError


class Range(NamedTuple):
    """Numbers that a hyper-parameter can be."""

    least: float
    most: float = inf
    whole: bool = False
    words: str = ""

    def describe(self) -> str:
        """What is allowed, in words."""
        if self.words:
            return self.words
        kind = "a whole number" if self.whole else "a number"
        return (
            f"{kind} of at least {self.least:g}" if self.most == inf else f"{kind} from {self.least:g} to {self.most:g}"
        )


_COUNT, _SHARE, _WEIGHT, _SCALE = Range(1, whole=True), Range(0, 1), Range(0), Range(SMALLEST, LARGEST)

RANGES: dict[str, Range] = {
    "batch_size": _COUNT,
    "buffer_size": _COUNT,
    "clip_range": _WEIGHT,
    "clip_range_vf": _WEIGHT,
    "discount_s": Range(SMALLEST, LARGEST, words="a number of seconds above 0"),
    "ent_coef": Range(-inf),
    "exploration_final_eps": _SHARE,
    "exploration_fraction": _SHARE,
    "exploration_initial_eps": _SHARE,
    "finalists": _COUNT,
    "gae_lambda": _SHARE,
    "gamma": _SHARE,
    "gradient_steps": Range(-1, whole=True),
    "learning_rate": _WEIGHT,
    "learning_starts": Range(0, whole=True),
    "max_grad_norm": _WEIGHT,
    "n_envs": _COUNT,
    "n_epochs": _COUNT,
    "n_steps": _COUNT,
    "n_timesteps": _COUNT,
    "reward_scale": _SCALE,
    "pairs": _COUNT,
    "rms_prop_eps": _WEIGHT,
    "sde_sample_freq": Range(-1, whole=True),
    "sigma": _SCALE,
    "spread": Range(1),
    "stats_window_size": _COUNT,
    "target_kl": _WEIGHT,
    "target_update_interval": _COUNT,
    "tau": _SHARE,
    "train_freq": _COUNT,
    "vf_coef": _WEIGHT,
    "width": _COUNT,
}
"""By name, as Stable-Baselines3 and RL Baselines3 Zoo have them; what is not here is no number."""


def in_range(name: str, value: Any) -> Any:
    """A number as the algorithm takes it: 1e6 is a whole one.

    Raises:
        TrainingError: It is none, or beyond what the hyper-parameter can be.
    """
    allowed = RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise TrainingError(f"{name} = {value!r}: must be {allowed.describe()}")
    if not allowed.least <= value <= allowed.most or (allowed.whole and value != int(value)):
        raise TrainingError(f"{name} = {value!r}: must be {allowed.describe()}")
    return int(value) if allowed.whole else value
