"""Moments written as ISO 8601."""

from datetime import UTC, datetime

from agentsim_env.workload.traces.errors import shown
from agentsim_env.workload.traces.fields import Record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso_ns(record: Record, name: str) -> int:
    """Nanoseconds since 1970 of a field such as `2026-03-02T09:00:00.1Z`; without a zone it is UTC.

    Raises:
        TraceError: It is missing, or no such moment.
    """
    value = record.text(name)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise record.error(name, f"is {shown(value)}; allowed: ISO 8601, as 2026-03-02T09:00:00.100000Z") from error
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
