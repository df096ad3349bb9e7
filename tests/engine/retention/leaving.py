"""A turn that has just ended on an instance, set up by hand, and the question what becomes of its KV.

Program 0 has turns of so many prompt tokens and one output token each; turn 0 has ended and calls tools. A prefill
takes 1 ms a token, nothing else takes time, and an instance has 1,000 blocks of 16 tokens. Program 1 has a turn of 320
tokens, 20 blocks, which can wait.
"""

from collections.abc import Mapping, Sequence

from agentsim_env.engine.blueprint import Blueprint, Tier, new_state
from agentsim_env.engine.core.decisions import PIN, RETAIN_KV, TO_CXL, TO_DRAM
from agentsim_env.engine.core.state import ACTIVE, NONE, WAITING, State
from agentsim_env.engine.entry import Core
from agentsim_env.engine.programs import history
from agentsim_env.engine.residency import residency
from agentsim_env.engine.retention.rules import retain
from agentsim_env.workload.programs import Tool
from tests.engine.hand_made import bound, called
from tests.engine.routing.situation import BLOCK, Engine
from tests.reference.building import WorkloadBuilder

note = bound(history._note)
note_length = bound(history.note_length)
answer = bound(retain)
publish = bound(residency.publish)

FIRST, DOWN = "goes first", "moves down"


class Leaving:
    """See the module.

    Args:
        rule: Name of a retention rule.
        tokens: Context that the turn has left.
        parameters: Those of the rule that differ from the default.
        tools: The tools that the turn has called, by number.
        gap_s: How long each takes.
        failures: Failed attempts of each.
        tier: Below HBM: its kind, its blocks, and how many milliseconds a block takes to it and from it.
    """

    def __init__(
        self,
        rule: str,
        tokens: int = 1000,
        parameters: Mapping[str, float] | None = None,
        tools: Sequence[int] = (0,),
        gap_s: Sequence[float] = (1.0,),
        failures: int = 0,
        engine: Engine | None = None,
        frontend_s: float = 0.0,
        tier: tuple[str, int, float] | None = None,
    ) -> None:
        work = WorkloadBuilder((Tool("fast"), Tool("slow", backoff_s=0.5)))
        work.program(0.0)
        leaf = work.segment(tokens // BLOCK + 2)
        first = work.turn(leaf, tokens - 1, 1)
        for tool, seconds in zip(tools, gap_s, strict=False):
            work.edge(first, work.turn(leaf, tokens, 1), seconds, tool, failures)
        work.program(0.0)
        other = work.turn(work.segment(30), 320, 1)
        tiers = []
        if tier is not None:
            kind, blocks, block_ms = tier
            rate = BLOCK / (block_ms / 1000)  # a token takes a byte
            tiers.append(Tier(kind, blocks, [0], [rate], [rate], 0.0))
        blueprint = Blueprint(
            [engine or Engine()],
            tiers=tiers,
            block_size=BLOCK,
            frontend_s=frontend_s,
            rules={"retain_kv": rule},
            rule_params={"retain_kv": parameters or {}},
        )
        self.state: State = new_state(blueprint, work.build())
        Core(self.state)
        self.state.program_run["state"] = ACTIVE
        self.state.turn_run["instance"][0] = 0
        self.state.turn_run["end_s"][0] = 0.0
        self.other = other
        self.leaf, self.blocks = leaf, (tokens - 1) // BLOCK

    def gaps(self, *seconds: float, tool: int = 0) -> "Leaving":
        """These gaps have ended."""
        for gap_s in seconds:
            for row in (tool, len(self.state.gap) - 1):
                note(self.state, row, gap_s, called(history._log, gap_s))
        return self

    def after(self, seconds: float) -> "Leaving":
        """The turn has ended so long ago."""
        self.state.world["now_s"] = seconds
        return self

    def waited(self, seconds: float, turns: int = 1) -> "Leaving":
        """So many turns have waited for so long in all."""
        self.state.world["ended_wait_s"] = seconds
        self.state.world["turns_ended"] = turns
        return self

    def lengths(self, *turns: int) -> "Leaving":
        """Programs of so many turns are done."""
        for n in turns:
            note_length(self.state, n)
        return self

    def use(self, blocks: int) -> "Leaving":
        """So many blocks of the instance are in use."""
        self.state.pool["used"][0] = blocks
        return self

    def holds(self) -> "Leaving":
        """What the turn has left is idle on the instance."""
        publish(self.state, self.leaf, 0, self.blocks)
        return self

    def wait(self) -> "Leaving":
        """The turn of program 1 waits."""
        row = self.state.slot[:1]
        for name in ("next", "previous", "prefill_next", "locked", "heap_at", "transfer"):
            row[name] = NONE
        row["turn"], row["program"], row["state"], row["target"] = self.other, 1, WAITING, 320
        instance = self.state.instance
        instance["waiting_head"], instance["waiting_tail"], instance["n_waiting"] = 0, 0, 1
        return self

    def decodes(self, n: int, kv_tokens: int) -> "Leaving":
        """So many turns decode beside it, with so many tokens of KV."""
        self.state.instance["n_decode"], self.state.instance["n_running"] = n, n
        self.state.instance["kv_tokens"] = kv_tokens
        return self

    def pin_s(self) -> float | str:
        """For how long the rule pins; 0 where it leaves the KV, FIRST where that goes before all else."""
        chosen = int(answer(self.state, int(self.state.rule[RETAIN_KV]), 0))
        if chosen == 0:
            return 0.0
        if chosen in (TO_DRAM, TO_CXL):
            return DOWN
        assert chosen == PIN + len(self.state.pin_grid_s), f"answer {chosen}"
        seconds = float(self.state.world["pin_s"][0])
        return seconds if seconds > 0 else FIRST
