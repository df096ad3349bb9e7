"""The error that calibration raises on purpose."""

from agentsim_env.errors import AgentSimError


class CalibrationError(AgentSimError, ValueError):
    """Measurements that no profile can be fitted to; the message says why."""
