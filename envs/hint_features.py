"""What programs have said of their next calls, for decisions about their memory: a hint, which can be wrong or missing.

These columns stand behind all others, in scenarios whose programs report.
"""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.programs.invocation_distance import NEVER, UNKNOWN
from agentsim_env.envs.feature import FeatureTable
from agentsim_env.envs.scales import squash

FEATURES = FeatureTable()

DISTANCE = FEATURES.amount(
    "distance", "invocation distance by the last reports, in steps; outside of societies in seconds", 2.0
)
DISTANCE_IS_KNOWN = FEATURES.flag("distance_is_known", "a report is current, or it is used now, or never again")

SCALE = FEATURES.scales


@compiled
def observe_hint(distance, row):
    """Fill the part of a row that `FEATURES` describes: 0 for what is unknown, a distance of 1 for what is over."""
    row[DISTANCE_IS_KNOWN] = distance != UNKNOWN
    if distance == NEVER:
        row[DISTANCE] = 1.0
    else:
        row[DISTANCE] = 0.0 if distance == UNKNOWN else squash(distance, SCALE[DISTANCE])
