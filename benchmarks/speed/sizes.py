"""Sizes that the page tells, too."""

VECTOR = 64
"""Environments of vectors under random actions."""

LEARNER = 32
"""Environments that PPO learns on."""

PER_INSTANCE = 250
"""Programs of an instance, where instances are varied."""

MOST_PROGRAMS = 100_000
"""Of such a cluster."""
