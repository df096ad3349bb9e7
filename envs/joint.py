"""AgentSim/Joint-v1: several kinds of decision in one environment."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from agentsim_env.engine.core.decisions import KINDS, TRUNCATED
from agentsim_env.engine.entry import Core
from agentsim_env.envs.decision_env import DecisionEnv, Further
from agentsim_env.envs.docstring import documented
from agentsim_env.envs.errors import EnvError
from agentsim_env.envs.feature import FeatureTable
from agentsim_env.envs.questions import QUESTIONS
from agentsim_env.envs.step import FORBIDDEN, step_core
from agentsim_env.scenario import Scenario


@documented(QUESTIONS["preempt_turn"].features)
class JointEnv(DecisionEnv):
    """Several kinds of decision in one environment.

    ## Description

    The decisions of all kinds that are named in `kinds`, in the order in which the simulation comes to them: a turn is
    to be routed, a batch to be filled, a program to be let in. `info["decision_kind"]` says which kind it is. The
    scenario's rules answer all other kinds.

    ## Observation Space

    A flat `Box(-1, 1, (rows * features,), float32)`; `candidate_shape` is `(rows, features)`, where `rows` is the
    largest number of answers that a decision of these kinds has. A decision with fewer answers fills the first rows,
    and the others are 0.

    | Columns | Meaning |
    |---|---|
    | `allowed` | the answer is legal |
    | `asks_KIND`, one per kind | 1 in each row of a decision of this kind, else 0 |
    | all others | the union of the features of the kinds, in the order of their own environments |

    What a kind does not show is 0. A feature that several kinds have means the same in each, in the same scale; it
    stands where the first of them has it. `feature_names` lists the columns,
    `agentsim_env.envs.questions.QUESTIONS[kind].columns(scenario)` those that a kind fills. The pages of the kinds
    explain them.

    `preempt_turn` has no environment of its own. Its rows are the last K admitted turns of the batch, with these
    features; the numbers are those of its own table, as `agentsim_env.envs.multi_agent` shows it.

    {features}

    ## Action Space

    `Discrete(rows)`: the row.

    {forbidden}

    ## Rewards

    {reward}

    {discount}

    With the same decisions the return is the same as in the environments of the kinds.

    ## Starting State

    The first decision of one of the kinds with more than one legal answer for a counted program.

    {seed}

    ## Episode End

    {end}

    The observation at the time limit is that of the kind of the last decision, as its page says; no `asks_KIND` is 1,
    and `info` has no `decision_kind`.

    ## Arguments

    ```python
    gymnasium.make("AgentSim/Joint-v1", kinds=("route_turn", "schedule_turn"))
    ```

    {arguments}
    | `kinds` | sequence of kinds or None | `None` | kinds of decision, in any order; None: all |

    {options}

    ## Version History

    {versions}
    """

    default_scenario = "coding_agents_pressed"

    def __init__(
        self,
        scenario: Scenario | Mapping[str, Any] | str | Path | None = None,
        overrides: Sequence[str] | Mapping[str, Any] = (),
        render_mode: str | None = None,
        kinds: Sequence[str] | None = None,
        **further: Unpack[Further],
    ) -> None:
        """See the class."""
        self.kinds = _chosen(kinds)
        super().__init__(self.kinds, scenario, overrides, render_mode, **further)
        rows, columns = self.candidate_shape
        self._tables: dict[str, np.ndarray] = {}
        self._places: dict[str, np.ndarray] = {}
        self._flags: dict[str, int] = {}
        for kind in self.kinds:
            question = QUESTIONS[kind]
            n = question.count_answers(self.simulator)
            names = question.columns(self.scenario).names
            self._tables[kind] = np.zeros((n, len(names)), np.float32)
            self._places[kind] = np.array([self.features.index(name) for name in names])
            self._flags[kind] = self.features.index(f"asks_{kind}")
        self._joint = np.zeros((rows, columns), np.float32)

    @property
    def decision_kind(self) -> str:
        """Kind of the decision that is pending, or of the last one; there is none before an episode."""
        return KINDS[self._books["kind"][0]]

    def table(self) -> np.ndarray:
        """What is shown of the pending decision, in the rows and columns of its kind: a view."""
        return self._tables[self.decision_kind]

    def table_of(self, kind: str) -> np.ndarray:
        """What is shown now of a kind, in its own rows and columns: fresh."""
        table = np.zeros_like(self._tables[kind])
        QUESTIONS[kind].fill(self.simulator.core, table)
        return table

    def _columns(self) -> FeatureTable:
        return joint_features({kind: QUESTIONS[kind].columns(self.scenario) for kind in self.kinds})

    def _count_actions(self) -> int:
        return max(QUESTIONS[kind].count_answers(self.simulator) for kind in self.kinds)

    def _answer(self, core: Core, action: int) -> tuple[int, float, float]:
        if action > 0 and action >= len(self.table()):
            action = FORBIDDEN
        result = step_core(core, self._books, action)
        asked = result[0]
        if asked >= 0 or (asked == TRUNCATED and self._books["kind"][0] >= 0):
            self._seen = self._look(asked)
        self._legal = self._mask().view(np.int8) if asked >= 0 else np.ones(self._n, np.int8)
        return result

    def _look(self, asked: int) -> np.ndarray:
        kind = self.decision_kind
        table = self.table()
        QUESTIONS[kind].fill(self.simulator.core, table)
        joint, n = self._joint, QUESTIONS[kind].count_there(self.simulator.state, len(table))
        joint[:] = 0.0
        joint[:n, self._places[kind]] = table[:n]
        joint[:n, self._flags[kind]] = asked >= 0
        return joint.flatten()

    def _mask(self) -> np.ndarray:
        n = len(self.table())
        mask = np.zeros(self._n, bool)
        mask[:n] = QUESTIONS[self.decision_kind].mask(self.simulator.state, n)
        return mask

    def _info(self) -> dict[str, Any]:
        kind = {"decision_kind": self.decision_kind} if self.simulator.asked >= 0 else {}
        return super()._info() | kind


def _chosen(kinds: Sequence[str] | None) -> tuple[str, ...]:
    """The chosen kinds in the order of the engine."""
    if kinds is None:
        return tuple(QUESTIONS)
    given = tuple(kinds) if isinstance(kinds, Iterable) else ()
    if not given or any(kind not in tuple(QUESTIONS) for kind in given):
        raise EnvError(f"kinds {kinds!r:.200}: must be some of {', '.join(QUESTIONS)}")
    return tuple(kind for kind in QUESTIONS if kind in given)


def joint_features(columns: Mapping[str, FeatureTable]) -> FeatureTable:
    """Columns of a table that holds decisions of several kinds: the union of theirs by kind, by name."""
    features = FeatureTable()
    features.flag("allowed", "the answer is legal")
    for kind in columns:
        features.flag(f"asks_{kind}", f"the row is an answer to {kind}")
    for own in columns.values():
        for feature in own:
            if feature.name not in features.names:
                features.add(feature)
    return features
