"""An instance at one moment, set up by hand, and the question who joins its batch or leaves it.

Program p has one turn, in slot p. 1,000 blocks of 16 tokens.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.state import ACTIVE, DECODE, NONE, WAITING, State
from agentsim_env.engine.entry import Core
from agentsim_env.engine.scheduling import scheduling
from tests.engine.hand_made import bound
from tests.engine.routing.situation import BLOCK, Engine
from tests.reference.building import WorkloadBuilder

turn_by_rule = bound(scheduling.turn_by_rule)
victim_by_rule = bound(scheduling.victim_by_rule)


class Batch:
    """See the module.

    Args:
        rule: Name of a rule.
        prompts: Prompt tokens of the turn of each program.
        kind: Whether the rule schedules or preempts.
        parameters: Parameters of the rule.
        n_tenants: Tenants of the workload.
    """

    def __init__(
        self,
        rule: str,
        prompts: Sequence[int] = (100, 100, 100),
        kind: str = "schedule_turn",
        parameters: Mapping[str, float] | None = None,
        n_tenants: int = 1,
    ) -> None:
        work = WorkloadBuilder()
        for prompt in prompts:
            work.program(0.0)
            work.turn(work.segment(2000), prompt, 1000)
        programs = work.build()._replace(tenants=tuple(f"tenant {k}" for k in range(n_tenants)))
        blueprint = Blueprint([Engine()], block_size=BLOCK, rules={kind: rule}, rule_params={kind: parameters or {}})
        self.state: State = new_state(blueprint, programs)
        Core(self.state)
        n = len(prompts)
        self.state.world["n_slots"] = n
        self.state.program_run["state"] = ACTIVE
        self.state.program_run["arrived_s"] = 0.0
        self.state.turn_run["ready_s"] = 0.0
        slot = self.state.slot[:n]
        slot["turn"] = slot["program"] = np.arange(n)
        slot["target"] = prompts
        for name in ("instance", "next", "previous", "prefill_next", "locked", "heap_at", "transfer"):
            slot[name] = NONE

    def programs(self, **columns: Sequence[float]) -> None:
        """Fields of all programs: of the workload or of their run."""
        for name, values in columns.items():
            table = self.state.program if name in (self.state.program.dtype.names or ()) else self.state.program_run
            table[name] = values

    def turns(self, **columns: Sequence[float]) -> None:
        """Fields of the run of all turns."""
        for name, values in columns.items():
            self.state.turn_run[name] = values

    def now(self, time_s: float) -> None:
        self.state.world["now_s"] = time_s

    def wait(self, *slots: int) -> None:
        """These turns wait, in this order."""
        self._list("waiting", slots)
        self.state.slot["state"][list(slots)] = WAITING

    def run(self, *slots: int, generated: Sequence[int] | None = None) -> None:
        """These turns decode, in order of admission; what they have generated since their decoding began."""
        self._list("running", slots)
        self.state.instance["n_decode"] = len(slots)
        self.state.instance["iteration"] = 1000
        for s, tokens in zip(slots, generated or [1] * len(slots), strict=True):
            self.state.slot["state"][s] = DECODE
            self.state.slot["generated"][s] = 1
            self.state.slot["decode_from"][s] = 1000 - (tokens - 1)

    def _list(self, name: str, slots: Sequence[int]) -> None:
        instance = self.state.instance
        instance[f"{name}_head"], instance[f"{name}_tail"], instance[f"n_{name}"] = slots[0], slots[-1], len(slots)
        for before, after in pairwise(slots):
            self.state.slot["next"][before] = after
            self.state.slot["previous"][after] = before

    def use(self, blocks: int, idle: int = 0) -> None:
        """So many blocks hold something, and so many of them nobody uses."""
        self.state.pool["used"] = blocks
        self.state.pool["idle"] = idle

    def next_turn(self) -> int:
        """The turn that the rule takes, NONE for nobody."""
        return int(turn_by_rule(self.state, 0))

    def victim(self) -> int:
        """The turn that it sends back to the queue."""
        return int(victim_by_rule(self.state, 0))


def waiting(rule: str, *slots: int, **arguments: Any) -> Batch:
    """Turns that wait, and none that run."""
    batch = Batch(rule, **arguments)
    batch.wait(*(slots or range(len(batch.state.program))))
    return batch
