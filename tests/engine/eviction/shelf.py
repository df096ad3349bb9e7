"""What lies idle on an instance, set up by hand, and the question what goes first.

Program p has one turn on segment p (a context of its own), and segment `SYSTEM` is a prompt that all can share.
Prefilling takes 1 ms a token and 1 microsecond a pair of new and cached token. The pool has 1,000 blocks of 16 tokens.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.state import ACTIVE, NONE, WAITING, State
from agentsim_env.engine.entry import Core
from agentsim_env.engine.eviction import room
from agentsim_env.engine.residency import residency
from agentsim_env.hardware.profile import Profile
from tests.engine.hand_made import bound
from tests.engine.routing.situation import BLOCK, MILLISECOND_A_TOKEN, Engine
from tests.reference.building import WorkloadBuilder

lock = bound(residency.lock)
unlock = bound(residency.unlock)
publish = bound(residency.publish)
deepest = bound(residency.deepest)
note_use = bound(residency.note_use)
victim = bound(room.victim_by_rule)

SYSTEM_BLOCKS = 4

ATTENTION = Profile(
    **{
        **vars(MILLISECOND_A_TOKEN),
        "pre_c": np.array([1.0, 2048.0]),
        "pre_a_s": np.zeros(2),
        "pre_b_s": np.array([1e-6, 2048e-6]),
    }
)


class Shelf:
    """See the module.

    Args:
        rule: Name of an eviction rule.
        prompts: Prompt tokens of the turn of each program.
        parameters: Those of the rule that differ from the default.
        behind_system: The contexts stand behind the shared prompt.
    """

    def __init__(
        self,
        rule: str,
        prompts: Sequence[int] = (320, 320, 320),
        parameters: Mapping[str, float] | None = None,
        behind_system: bool = False,
    ) -> None:
        work = WorkloadBuilder()
        parent = work.segment(SYSTEM_BLOCKS) if behind_system else NONE
        self.first = 1 if behind_system else 0
        for prompt in prompts:
            work.program(0.0)
            work.turn(work.segment(200, parent), prompt, 100)
        blueprint = Blueprint(
            [Engine(profile=ATTENTION)],
            block_size=BLOCK,
            rules={"evict_kv": rule},
            rule_params={"evict_kv": parameters or {}},
        )
        self.state: State = new_state(blueprint, work.build())
        Core(self.state)
        self.state.program_run["state"] = ACTIVE
        self.state.program_run["arrived_s"] = np.arange(len(prompts))
        self.state.turn_run["ready_s"] = 0.0

    def use(self, p: int, blocks: int, at_s: float, by: int | None = None) -> "Shelf":
        """A turn of program `p` (or of another) leaves the first `blocks` blocks of the path of context `p`."""
        state, segment = self.state, self.first + p
        state.world["now_s"] = at_s
        found = deepest(state, segment, 0)
        lock(state, found)
        lowest = publish(state, segment, 0, blocks)
        lock(state, lowest)
        unlock(state, found)
        note_use(state, lowest, p if by is None else by)
        unlock(state, lowest)
        return self

    def at(self, now_s: float) -> "Shelf":
        self.state.world["now_s"] = now_s
        return self

    def wait(self, *programs: int) -> "Shelf":
        """The turns of these programs wait, in this order."""
        state = self.state
        slots = list(range(len(programs)))
        state.world["n_slots"] = len(slots)
        for s, p in enumerate(programs):
            row = state.slot[s : s + 1]
            for name in ("previous", "prefill_next", "locked", "heap_at", "transfer"):
                row[name] = NONE
            row["turn"], row["program"], row["instance"], row["state"] = p, p, 0, WAITING
            row["target"] = state.turn["prompt_tokens"][p]
            row["next"] = s + 1 if s + 1 < len(slots) else NONE
        instance = state.instance
        instance["waiting_head"], instance["waiting_tail"], instance["n_waiting"] = 0, len(slots) - 1, len(slots)
        instance["queued_tokens"] = state.slot["target"][: len(slots)].sum()
        return self

    def goes(self) -> int:
        """The program whose context goes first."""
        r = int(victim(self.state, 0))
        assert self.state.resident["children"][r] == 0
        return int(self.state.resident["segment"][r]) - self.first
