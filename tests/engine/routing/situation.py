"""A cluster at one moment, set up by hand, and the question where the next turn goes.

The asked turn is the last one of program 0. Segment 0 is the system prompt that all programs share, segment 1 + p the
private context of program p. A prefill takes 1 ms a token, a decode iteration 1 ms a turn, and nothing else takes time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.decisions import ROUTE_TURN
from agentsim_env.engine.core.state import ACTIVE, DECODE, NONE, WAITING, State
from agentsim_env.engine.entry import Core
from agentsim_env.engine.residency import directory
from agentsim_env.engine.routing import router
from agentsim_env.hardware.lanes import Lanes
from agentsim_env.hardware.profile import Profile
from agentsim_env.workload.programs import EDGE, SEGMENT, Programs, Tool, new_programs, new_turns
from tests.engine.hand_made import bound

enter = bound(directory.enter)
refresh_view = bound(router.refresh_view)

BLOCK = 16
SYSTEM_BLOCKS = 10
TURNS_OF_ASKED = 3
N_PROGRAMS = 8

MILLISECOND_A_TOKEN = Profile(
    dense_tokens=np.array([1.0, 2048.0]),
    dense_s=np.array([0.001, 2.048]),
    seq_n=np.array([1.0]),
    seq_s=np.zeros(1),
    dec_n=np.array([1.0]),
    pure_a_s=np.zeros(1),
    pure_b_s=np.zeros(1),
    mixed_a_s=np.zeros(1),
    mixed_b_s=np.zeros(1),
    pre_c=np.array([1.0]),
    pre_a_s=np.zeros(1),
    pre_b_s=np.zeros(1),
    overhead_s=0.0,
    cpu_s=0.0,
    cpu_per_seq_s=0.0,
    cpu_per_token_s=0.0,
    serial_pure_s=0.0,
    serial_mixed_s=0.0,
)


@dataclass(frozen=True)
class Engine:
    """What `Blueprint` needs to know of an instance."""

    profile: Profile = MILLISECOND_A_TOKEN
    kv_blocks: int = 1000
    max_num_seqs: int = 64
    max_num_batched_tokens: int = 2048
    max_model_len_tokens: int = 1_000_000
    start_s: float = 0.0
    kv_bytes_per_token: int = 1
    async_scheduling: bool = False
    adapter_slots: int = 0
    adapter_bytes: float = 0.0
    shares_gpu: str | None = None
    mode: str = "mixed"
    lanes: Lanes | None = None


class Situation:
    """See the module."""

    def __init__(
        self,
        rule: str,
        instances: int = 3,
        prompt_tokens: int = 1600,
        output_tokens: int = 100,
        parameters: Mapping[str, float] | None = None,
        engine: Engine | None = None,
        view_delay_s: float = 0.0,
        seed: int = 0,
    ) -> None:
        blueprint = Blueprint(
            [engine or Engine()] * instances,
            block_size=BLOCK,
            view_delay_s=view_delay_s,
            rules={"route_turn": rule},
            agent_kinds=["route_turn"],
            rule_params={"route_turn": parameters or {}},
        )
        self.state: State = new_state(blueprint, _programs(prompt_tokens, output_tokens), seed=seed)
        self.core = Core(self.state)
        self.state.allowed[:] = 1
        world = self.state.world
        world["asked"], world["asked_slot"] = ROUTE_TURN, 0
        world["n_slots"] = N_PROGRAMS
        for s in range(N_PROGRAMS):
            self._slot(s, turn=TURNS_OF_ASKED - 1 + s, program=s)
        self.state.program_run["state"] = ACTIVE

    def _slot(self, s: int, **fields: int) -> None:
        slot = self.state.slot[s : s + 1]
        for name in ("instance", "next", "previous", "prefill_next", "locked", "heap_at", "transfer"):
            slot[name] = NONE
        for name, value in fields.items():
            slot[name] = value
        slot["target"] = self.state.turn["prompt_tokens"][fields["turn"]]

    def set(self, i: int, **fields: float) -> None:
        """Fields of instance `i`."""
        for name, value in fields.items():
            self.state.instance[name][i] = value
        self.state.present[:] = self.state.instance["n_waiting"] + self.state.instance["n_running"]

    def set_seen(self, i: int, **fields: float) -> None:
        """Fields of instance `i` as the router sees them, where its view is delayed."""
        for name, value in fields.items():
            self.state.seen[name][i] = value
        self.state.seen_present[:] = self.state.seen["n_waiting"] + self.state.seen["n_running"]

    def loads(self, *turns: int) -> None:
        """So many turns run on each instance."""
        self.state.instance["n_running"] = turns
        self.state.present[:] = self.state.instance["n_waiting"] + turns

    def home(self, i: int) -> None:
        """The program's last turn went to instance `i`."""
        self.state.program_run["home"][0] = i

    def in_use(self, i: int, blocks: int) -> None:
        """Further blocks of instance `i` that running turns own."""
        self.state.pool["used"][i] += blocks

    def pin(self, i: int, blocks: int) -> None:
        """Further blocks of instance `i` that are pinned and that nobody uses."""
        self.state.pool["used"][i] += blocks
        self.state.pool["pinned"][i] += blocks

    def hold(self, pool: int, segment: int, blocks: int, locked: bool = False) -> None:
        """Pool `pool` holds the first `blocks` blocks of a segment; its parent must be held already."""
        world, r = self.state.world, int(self.state.world["n_residents"][0])
        world["n_residents"] += 1
        record = self.state.resident[r : r + 1]
        parent = int(self.state.segment["parent"][segment])
        record["segment"], record["pool"], record["blocks"] = segment, pool, blocks
        record["parent"] = NONE if parent == NONE else self._find(parent, pool)
        record["locks"] = 1 if locked else 0
        record["previous_holder"] = NONE
        record["next_holder"] = self.state.holder[segment]
        self.state.holder[segment] = r
        enter(self.state, r)
        self.state.pool["used"][pool] += blocks
        self.state.pool["idle"][pool] += 0 if locked else blocks

    def _find(self, segment: int, pool: int) -> int:
        r = int(self.state.holder[segment])
        while int(self.state.resident["pool"][r]) != pool:
            r = int(self.state.resident["next_holder"][r])
        return r

    def cache(self, i: int, blocks: int, locked: bool = False) -> None:
        """Instance `i` holds the first `blocks` blocks of the asked turn's context."""
        self._remember(i, blocks, locked)

    def sent(self, i: int, blocks: int) -> None:
        """The router remembers that it sent the first `blocks` blocks of the asked turn's context to instance `i`."""
        self._remember(len(self.state.instance) + i, blocks, False)

    def lose(self, i: int) -> None:
        """Instance `i` holds nothing of anybody's context any more."""
        self.state.resident["blocks"][self.state.resident["pool"] == i] = 0

    def refresh(self) -> None:
        """The router's view is refreshed."""
        refresh_view(self.state)

    def _remember(self, pool: int, blocks: int, locked: bool) -> None:
        self.hold(pool, 0, min(blocks, SYSTEM_BLOCKS), locked)
        if blocks > SYSTEM_BLOCKS:
            self.hold(pool, 1, blocks - SYSTEM_BLOCKS, locked)

    def run(self, i: int, s: int, left_tokens: int) -> None:
        """Turn `s` (a program's only one) decodes on instance `i` and will generate so many more tokens."""
        slot = self.state.slot[s : s + 1]
        slot["instance"], slot["state"], slot["next"] = i, DECODE, self.state.instance["running_head"][i]
        self.state.instance["running_head"][i] = s
        self.state.instance["n_running"][i] += 1
        self.state.present[i] += 1
        self.state.instance["n_decode"][i] += 1
        self._will_generate(s, left_tokens)

    def wait(self, i: int, s: int, left_tokens: int) -> None:
        """Turn `s` waits on instance `i` and will generate so many tokens."""
        slot = self.state.slot[s : s + 1]
        slot["instance"], slot["state"], slot["next"] = i, WAITING, self.state.instance["waiting_head"][i]
        self.state.instance["waiting_head"][i] = s
        self.state.instance["n_waiting"][i] += 1
        self.state.present[i] += 1
        self._will_generate(s, left_tokens)

    def _will_generate(self, s: int, tokens: int) -> None:
        self.state.turn["output_tokens"][self.state.slot["turn"][s]] = tokens

    def ask(self) -> int:
        """Where the rule sends the turn, which counts as sent there."""
        answer = self.core.default()
        self.state.world["routed"] += 1
        self.state.world["last_routed"] = answer
        return answer

    @property
    def scores(self) -> list[float]:
        """The numbers by which the rule has just chosen, if it keeps them."""
        return [float(score) for score in self.state.score]


def _programs(prompt_tokens: int, output_tokens: int) -> Programs:
    """Program 0 with three turns, its last prompt being the longest, then programs of one turn."""
    programs = new_programs(N_PROGRAMS)
    programs["n_turns"] = [TURNS_OF_ASKED] + [1] * (N_PROGRAMS - 1)
    programs["first_turn"] = np.concatenate([[0], np.cumsum(programs["n_turns"])[:-1]])
    turn = new_turns(TURNS_OF_ASKED + N_PROGRAMS - 1)
    turn["program"] = np.repeat(np.arange(N_PROGRAMS), programs["n_turns"])
    turn["segment"] = 1 + turn["program"]
    turn["prompt_tokens"] = prompt_tokens
    turn["prompt_tokens"][: TURNS_OF_ASKED - 1] = [prompt_tokens // 4, prompt_tokens // 2]
    turn["output_tokens"] = output_tokens
    turn["n_edges"][: TURNS_OF_ASKED - 1] = 1
    turn["n_parents"][1:TURNS_OF_ASKED] = 1
    turn["first_edge"] = np.minimum(np.arange(len(turn)), TURNS_OF_ASKED - 1)
    edge = np.zeros(TURNS_OF_ASKED - 1, EDGE)
    edge["target"] = np.arange(1, TURNS_OF_ASKED)
    segment = np.zeros(1 + N_PROGRAMS, SEGMENT)
    segment["parent"][0] = -1
    segment["n_blocks"] = SYSTEM_BLOCKS
    segment["start_block"][1:] = SYSTEM_BLOCKS
    segment["n_blocks"][1:] = (prompt_tokens + output_tokens) // BLOCK + 1
    return Programs(programs, turn, edge, segment, BLOCK, (Tool("tool"),), ("family",))


def answer(rule: str, **arguments: Any) -> int:
    """What a rule answers in an empty cluster."""
    return Situation(rule, **arguments).ask()
