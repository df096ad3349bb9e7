"""A turn that has just ended on an instance, set up by hand, and the question what becomes of its KV.

Program 0 has turns of so many prompt tokens and one output token each; turn 0 has ended and calls tools. A prefill
takes 1 ms a token, nothing else takes time, and an instance has 1,000 blocks of 16 tokens.
"""

from collections.abc import Mapping, Sequence

from agentsim_env.engine import history
from agentsim_env.engine.build import Blueprint
from agentsim_env.engine.decisions import PIN, RETAIN_KV
from agentsim_env.engine.entry import Core
from agentsim_env.engine.rules.retain import retain
from agentsim_env.engine.state import ACTIVE, State
from agentsim_env.workload.programs import Tool
from tests.engine.hand_made import bound
from tests.engine.rules.situation import BLOCK, Engine
from tests.reference.building import WorkloadBuilder

note = bound(history._note)
note_length = bound(history.note_length)
answer = bound(retain)

FIRST = "goes first"


class Leaving:
    """See the module.

    Args:
        rule: Name of a retention rule.
        tokens: Context that the turn has left.
        parameters: Those of the rule that differ from the default.
        tools: The tools that the turn has called, by number.
        gap_s: How long each takes.
        failures: Failed attempts of each.
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
    ) -> None:
        work = WorkloadBuilder((Tool("fast"), Tool("slow", backoff_s=0.5)))
        work.program(0.0)
        leaf = work.segment(tokens // BLOCK + 2)
        first = work.turn(leaf, tokens - 1, 1)
        for tool, seconds in zip(tools, gap_s, strict=False):
            work.edge(first, work.turn(leaf, tokens, 1), seconds, tool, failures)
        blueprint = Blueprint(
            [engine or Engine()],
            block_size=BLOCK,
            frontend_s=frontend_s,
            rules={"retain_kv": rule},
            parameters={"retain_kv": parameters or {}},
        )
        self.state: State = blueprint.state(work.build())
        Core(self.state)
        self.state.program_run["state"] = ACTIVE
        self.state.turn_run["instance"][0] = 0
        self.state.turn_run["end_s"][0] = 0.0

    def gaps(self, *seconds: float, tool: int = 0) -> "Leaving":
        """These gaps have ended."""
        for gap_s in seconds:
            note(self.state, tool, gap_s)
            note(self.state, len(self.state.gap) - 1, gap_s)
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
        self.state.pool["used"] = blocks
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
        assert chosen == PIN + len(self.state.pin_grid_s), f"answer {chosen}"
        seconds = float(self.state.world["pin_s"][0])
        return seconds if seconds > 0 else FIRST
