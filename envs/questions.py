"""Every kind of decision that an environment can put to an agent, with what is shown of it."""

from pkgutil import resolve_name

from agentsim_env.engine.core.decisions import DECISIONS
from agentsim_env.envs.question import Question

QUESTIONS: dict[str, Question] = {kind: resolve_name(row.question) for kind, row in DECISIONS.items()}
"""By kind, in the order of the engine."""
