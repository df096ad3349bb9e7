"""What a simulation leaves behind: records, figures, reports and timelines."""

from agentsim_env.metrics.records import Records
from agentsim_env.metrics.summary import summarise

__all__ = ["Records", "summarise"]
