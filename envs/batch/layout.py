"""How the observations of a batch lie."""

from typing import NamedTuple

import numpy as np

from agentsim_env.engine.core.decisions import KINDS
from agentsim_env.engine.core.state import NONE
from agentsim_env.envs.decision_env import DecisionEnv, KindEnv
from agentsim_env.envs.questions import QUESTIONS


class Layout(NamedTuple):
    """Where the kinds of an environment write.

    Attributes:
        form: See `Plan`.
        place: Likewise.
        largest: Numbers in the largest table of a kind.
        of_kind: All decisions are of one kind.
    """

    form: np.ndarray
    place: np.ndarray
    largest: int
    of_kind: bool


def layout_of(env: DecisionEnv) -> Layout:
    """The layout of an environment's observations."""
    form = np.full((len(KINDS), 3), NONE, np.int64)
    of_kind = isinstance(env, KindEnv)
    kinds = [env.question.kind] if of_kind else list(env.simulator.blueprint.agent_kinds)
    tables = {kind: QUESTIONS[kind].columns(env.scenario).names for kind in kinds}
    place = np.zeros((len(KINDS), max(len(names) for names in tables.values())), np.int64)
    largest = 1
    for kind, names in tables.items():
        k, answers = KINDS.index(kind), QUESTIONS[kind].count_answers(env.simulator)
        form[k] = answers, len(names), NONE if of_kind else env.features.index(f"asks_{kind}")
        largest = max(largest, answers * len(names))
        if not of_kind:
            place[k, : len(names)] = [env.features.index(name) for name in names]
    return Layout(form, place, largest, of_kind)
