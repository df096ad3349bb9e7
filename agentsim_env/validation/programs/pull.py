"""Getting a prefix from another replica against computing it again (`llmd_p2p_pull_h200.csv`)."""

from pathlib import Path
from typing import NamedTuple

from agentsim_env.engine.blueprint import Peer
from agentsim_env.hardware.links import PEER_GB_PER_S
from agentsim_env.validation.engine_description import EngineDescription, load_engine
from agentsim_env.validation.replay import simulate
from agentsim_env.validation.table import rows
from agentsim_env.workload.builder import ProgramBuilder

ENGINE = "h200_gpt-oss-120b_x2"
REPORT = "gpt-oss-120b_h200_tp1"
QUESTION_TOKENS = 16
LATER_S = 100.0
LATENCY_S = 1e-3  # as in scenarios


class Prefill(NamedTuple):
    """One prefix: seconds to the first token, measured and simulated."""

    tokens: int
    recompute: tuple[float, float]
    pull: tuple[float, float]

    @property
    def ratios(self) -> tuple[float, float]:
        """Pulled over recomputed, measured and simulated."""
        return self.pull[0] / self.recompute[0], self.pull[1] / self.recompute[1]


def pulls(data: Path) -> list[Prefill]:
    """Every prefix length of the report."""
    found: dict[int, dict[str, float]] = {}
    for row in rows(data / "validation" / "programs" / "llmd_p2p_pull_h200.csv"):
        if row.text("report") == REPORT and row.text("workload") == "single_prefill":
            found.setdefault(row.count("load"), {})[row.text("arm")] = row.number("ttft_p50_s")
    engine = load_engine(ENGINE)
    return [
        Prefill(
            tokens,
            (arms["recompute"], _second_ttft_s(engine, tokens, None)),
            (arms["pull"], _second_ttft_s(engine, tokens, Peer(PEER_GB_PER_S * 1e9, LATENCY_S))),
        )
        for tokens, arms in sorted(found.items())
    ]


def _second_ttft_s(engine: EngineDescription, tokens: int, peer: Peer | None) -> float:
    """TTFT of a request whose prefix the other replica has computed before."""
    builder = ProgramBuilder(engine.block_size_tokens)
    prefix = builder.add_segment(tokens // engine.block_size_tokens)
    for number in range(2):
        program = builder.add_program(number * LATER_S)
        leaf = builder.add_segment(2, prefix)
        builder.add_turn(program, leaf, prompt_tokens=tokens + QUESTION_TOKENS, output_tokens=2)
    return float(simulate(builder.build(), engine, name="pull", options={"peer": peer}).requests.ttft_s[1])
