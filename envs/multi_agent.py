"""AgentSim/Joint-v1 with an agent for each kind of decision, or for each instance: a PettingZoo AEC environment."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal, NamedTuple, Unpack

import numpy as np
from gymnasium import spaces

from agentsim_env.actions import numbered
from agentsim_env.engine.core.state import NONE
from agentsim_env.envs.decision_env import Further
from agentsim_env.envs.errors import EnvError
from agentsim_env.envs.joint import JointEnv
from agentsim_env.envs.options import OPTIONS
from agentsim_env.envs.questions import QUESTIONS
from agentsim_env.envs.snapshot import Snapshot
from agentsim_env.scenario import Scenario

try:
    from pettingzoo import AECEnv
    from pettingzoo.utils.wrappers import OrderEnforcingWrapper
except ImportError as error:
    raise ImportError(
        "agentsim_env.envs.multi_agent needs PettingZoo: pip install 'agentsim-env[multi-agent]'"
    ) from error

GATEWAY = "gateway"
"""The agent of decisions that are about no instance, where each instance is an agent."""

Observation = dict[str, np.ndarray]

EPISODE = (
    "agents",
    "rewards",
    "_cumulative_rewards",
    "terminations",
    "truncations",
    "infos",
    "agent_selection",
    "_skip_agent_selection",
    "_seen",
    "_mask",
    "_instances",
)
"""What PettingZoo and this form keep of an episode, beside the joint environment."""


class AgentsSnapshot(NamedTuple):
    """What `JointAEC.snapshot` returns."""

    joint: Snapshot
    form: str
    values: dict[str, Any]


class JointAEC(AECEnv[str, Any, Any]):
    """Several kinds of decision, each answered by an agent of its own.

    ## Description

    The steps are those of `AgentSim/Joint-v1`: at each, the agent whose decision is pending acts. With
    `agents="kinds"` there is an agent for each kind, which has the kind's name and sees the kind's own table; with
    `agents="instances"` there is an agent for each instance, `instance_0` and so on, and one for what is decided in
    front of them (admission, routing), `gateway`: they see the rows of the joint environment.

    ## Observation Space

    A `Dict` of `observation`, the flat table, and `action_mask`. An agent that is not asked sees zeros and may do
    nothing. At the time limit each agent that has acted sees its table, about the instance of its last decision, with
    0 for what is about a turn, a program or a candidate. `state()` is the observation of the joint environment.

    ## Action Space

    `Discrete`: the row of the table.

    ## Rewards

    All agents have the same goal: the reward of a step of the joint environment goes to each of them. What an agent
    has been given since it acted last is in `last()`; over an episode that is the return of the joint environment.

    ## Episode End

    All agents end together, and get the figures of the joint environment in their infos. These have the simulated time
    at any other moment: `time_s`, and `elapsed_s` since the last decision of anybody.

    ## Snapshots

    `snapshot()` and `restore(snapshot)` are as in the joint environment; wrappers do not notice.

    Args:
        scenario: What is simulated; by default that of `AgentSim/Joint-v1`.
        overrides: `path=value` strings laid over it.
        render_mode: `"ansi"`, `"rgb_array"` or None.
        kinds: Kinds of decision; None: all.
        agents: What has an agent: `"kinds"` or `"instances"`.
        further: `reward_scale` and `split`, as in the joint environment.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "name": "agentsim_joint_v1",
        "is_parallelizable": False,
        **JointEnv.metadata,
    }

    def __init__(
        self,
        scenario: Scenario | Mapping[str, Any] | str | Path | None = None,
        overrides: Sequence[str] | Mapping[str, Any] = (),
        render_mode: str | None = None,
        kinds: Sequence[str] | None = None,
        agents: Literal["kinds", "instances"] = "kinds",
        **further: Unpack[Further],
    ) -> None:
        """See the class."""
        super().__init__()
        if agents not in ("kinds", "instances"):
            raise EnvError(f"agents {agents!r}: must be 'kinds' or 'instances'")
        self.joint = JointEnv(scenario, overrides, render_mode, kinds, **further)
        self.render_mode = render_mode
        self.by_kind = agents == "kinds"
        n_instances = len(self.joint.simulator.engines)
        instances = [GATEWAY, *(f"instance_{i}" for i in range(n_instances))]
        self.possible_agents = list(self.joint.kinds) if self.by_kind else instances
        shapes = {agent: self._shape(agent) for agent in self.possible_agents}
        self.action_spaces: dict[str, spaces.Space] = {agent: spaces.Discrete(n) for agent, (n, _) in shapes.items()}
        self.observation_spaces: dict[str, spaces.Space] = {
            agent: _observations(n, columns) for agent, (n, columns) in shapes.items()
        }
        self.agents = []

    def _shape(self, agent: str) -> tuple[int, int]:
        """Rows and columns of what an agent sees."""
        if not self.by_kind:
            return self.joint.candidate_shape
        question = QUESTIONS[agent]
        return question.count_answers(self.joint.simulator), len(question.columns(self.joint.scenario))

    def observation_space(self, agent: str) -> spaces.Space:
        """Of an agent."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space:
        """Of an agent."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begin an episode; options that the joint environment does not know are other wrappers' business."""
        known = {name: value for name, value in (options or {}).items() if name in OPTIONS}
        self._seen, info = self.joint.reset(seed=seed, options=known)
        self._mask = info["action_mask"]
        self._instances: dict[str, int] = {}
        self.agents = list(self.possible_agents)
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self._inform(info)
        self._skip_agent_selection = None
        self.agent_selection = self._asked()

    def _asked(self) -> str:
        """The agent whose decision is pending; the instance that it is about is noted for the time limit."""
        instance = int(self.joint.simulator.state.world["asked_instance"][0])
        if not self.by_kind:
            return GATEWAY if instance == NONE else f"instance_{instance}"
        self._instances[self.joint.decision_kind] = instance
        return self.joint.decision_kind

    def step(self, action: int | None) -> None:
        """Answer the pending decision; at the end of the episode every agent steps once more, with None."""
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        chosen = numbered(action, self._shape(agent)[0], of=agent)
        self._seen, reward, terminated, truncated, info = self.joint.step(chosen)
        self._mask = info.pop("action_mask")
        self._cumulative_rewards[agent] = 0.0
        self.rewards = dict.fromkeys(self.agents, reward)
        self._accumulate_rewards()
        if terminated or truncated:
            self.terminations = dict.fromkeys(self.agents, terminated)
            self.truncations = dict.fromkeys(self.agents, truncated)
            self.infos = {agent: dict(info) for agent in self.agents}
            self._deads_step_first()
        else:
            self._inform(info)
            self.agent_selection = self._asked()

    def _inform(self, info: dict[str, Any]) -> None:
        """Give everybody the time of the joint environment."""
        self.infos = {agent: {name: info[name] for name in ("time_s", "elapsed_s")} for agent in self.agents}

    def observe(self, agent: str) -> Observation:
        """What an agent sees now."""
        n, columns = self._shape(agent)
        nothing = np.zeros(n, np.int8)
        if self.truncations[agent]:
            return {"observation": self._at_limit(agent), "action_mask": nothing}
        if agent != self.agent_selection or self.terminations[agent]:
            return {"observation": np.zeros(n * columns, np.float32), "action_mask": nothing}
        seen = self.joint.table() if self.by_kind else self._seen
        return {"observation": seen.flatten(), "action_mask": self._mask[:n].copy()}

    def _at_limit(self, agent: str) -> np.ndarray:
        """What an agent sees when the time limit has ended the episode."""
        if not self.by_kind:
            return self._seen.copy()
        if agent not in self._instances:
            n, columns = self._shape(agent)
            return np.zeros(n * columns, np.float32)
        self.joint.simulator.core.synchronise()
        world = self.joint.simulator.state.world
        last = int(world["asked_instance"][0])
        world["asked_instance"] = self._instances[agent]
        table = self.joint.table_of(agent)
        world["asked_instance"] = last
        return table.flatten()

    def snapshot(self) -> AgentsSnapshot:
        """The episode as it is now, to come back to with `restore`, any number of times."""
        joint = self.joint.snapshot()
        return AgentsSnapshot(joint, self._form, deepcopy({name: getattr(self, name) for name in EPISODE}))

    def restore(self, snapshot: AgentsSnapshot) -> None:
        """Go back to a snapshot of this environment, or of another one of the same arguments.

        Raises:
            EnvError: It is of another form, or no snapshot.
            SimulationError: It is of another scenario or other kinds.
        """
        if not isinstance(snapshot, AgentsSnapshot) or snapshot.form != self._form:
            raise EnvError(f"not a snapshot of an environment with agents={self._form!r}")
        self.joint.restore(snapshot.joint)
        for name, value in deepcopy(snapshot.values).items():
            setattr(self, name, value)

    @property
    def _form(self) -> str:
        return "kinds" if self.by_kind else "instances"

    def state(self) -> np.ndarray:
        """Observation of the joint environment."""
        return self._seen.copy()

    def render(self) -> Any:
        """See `AgentSim/Joint-v1`."""
        return self.joint.render()

    def close(self) -> None:
        """Nothing is open."""
        self.joint.close()


def _observations(n: int, columns: int) -> spaces.Dict:
    return spaces.Dict(
        observation=spaces.Box(-1.0, 1.0, (n * columns,), np.float32), action_mask=spaces.Box(0, 1, (n,), np.int8)
    )


def env(**arguments: Any) -> OrderEnforcingWrapper:
    """A `JointAEC` that complains if it is used out of turn, as PettingZoo's own environments do."""
    return OrderEnforcingWrapper(JointAEC(**arguments))
