"""What a simulation leaves behind: records, figures, reports and timelines."""

from agentsim_env.metrics.records import Records
from agentsim_env.metrics.storage import load_records, save_records
from agentsim_env.metrics.summary import summarise

__all__ = ["Records", "load_records", "save_records", "summarise"]
