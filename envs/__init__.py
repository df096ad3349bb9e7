"""Gymnasium environments over the simulator: one file per environment, what it shows beside it in `*_features.py`.

`make_sb3_vec` makes many episodes of one for Stable-Baselines3, which is imported when it is called.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentsim_env.envs.batch.make import make_sb3_vec

__all__ = ["make_sb3_vec"]


def __getattr__(name: str) -> Any:
    # What is in this package has to be imported without Gymnasium's environments, by those who want one module of it.
    if name == "make_sb3_vec":
        from agentsim_env.envs.batch.make import make_sb3_vec

        return make_sb3_vec
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
