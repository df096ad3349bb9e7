"""Small episodes to take records of."""

from collections.abc import Sequence

import numpy as np

from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.decisions import ENDED
from agentsim_env.engine.entry import Core
from agentsim_env.hardware.engines import Engine
from agentsim_env.hardware.lanes import Lanes
from agentsim_env.hardware.profile import Profile
from agentsim_env.metrics import Records
from agentsim_env.workload import FAULT, ChainTurn, ProgramBuilder, Programs
from tests.agreement.scenario import Scenario
from tests.reference.description import InstanceSpec

PLAIN = Profile(
    dense_tokens=np.array([1.0, 512.0]),
    dense_s=np.array([0.010, 0.061]),
    seq_n=np.array([1.0, 64.0]),
    seq_s=np.array([0.001, 0.003]),
    dec_n=np.array([1.0, 64.0]),
    pure_a_s=np.array([0.0, 0.001]),
    pure_b_s=np.array([1e-6, 1e-6]),
    mixed_a_s=np.array([0.0, 0.001]),
    mixed_b_s=np.array([2e-6, 2e-6]),
    pre_c=np.arange(1.0, 513.0),
    pre_a_s=1e-8 * np.arange(1.0, 513.0) ** 2 / 2,
    pre_b_s=1e-8 * np.arange(1.0, 513.0),
    overhead_s=0.0005,
    cpu_s=0.002,
    cpu_per_seq_s=0.0001,
    cpu_per_token_s=0.0,
    serial_pure_s=0.0,
    serial_mixed_s=0.0,
)
"""A profile without surprises: what is alone is fastest, and attention is exactly quadratic."""


def engine(profile: Profile = PLAIN, **changes: object) -> Engine:
    values: dict[str, object] = {
        "gpu": "H100",
        "model": "Llama-3.1-8B",
        "tp": 1,
        "dtype": "bf16",
        "profile": profile,
        "kv_blocks": 4096,
        "max_num_seqs": 64,
        "max_num_batched_tokens": 512,
        "max_model_len_tokens": 32_768,
        "price_per_hour": 3.6,
        "kv_bytes_per_token": 131_072,
        "estimated": False,
    }
    return Engine(**(values | changes))  # type: ignore[arg-type]


def chains(n: int = 6, turns: int = 4, every_s: float = 0.5, shared_blocks: int = 32) -> Programs:
    """Chains behind one system prompt."""
    builder = ProgramBuilder()
    system = builder.add_segment(shared_blocks)
    rng = np.random.default_rng(n)
    for i in range(n):
        program = builder.add_program(i * every_s, family=("coder", "chat")[i % 2])
        steps = [
            ChainTurn(int(rng.integers(20, 400)), int(rng.integers(1, 60)), gap_s=float(rng.exponential(0.3)))
            for _ in range(turns)
        ]
        builder.add_chain(program, steps, parent=system)
    return builder.build()


def run(programs: Programs, engines: Sequence[Engine], **options: object) -> Records:
    """The records of an episode, to its end or its time limit."""
    blueprint = Blueprint(engines, **({"frontend_s": 0.01} | options))  # type: ignore[arg-type]
    core = Core(new_state(blueprint, programs))
    core.advance()
    core.synchronise()
    return Records.from_state(core.state, programs, engines, {"scenario": "test", "seed": 0})


def run_random(scenario: Scenario) -> Records:
    """The records of a random scenario."""
    engines = [engine_of(spec) for spec in scenario.specs]
    affinity = scenario.rule == "session_affinity"
    blueprint = Blueprint(
        engines=engines,
        block_size=scenario.programs.block_size,
        frontend_s=scenario.frontend_s,
        warmup_programs=scenario.warmup_programs,
        rules={"route_turn": scenario.rule},
        rule_params={"route_turn": {"capacity_limit": scenario.capacity_limit} if affinity else {}},
    )
    core = Core(new_state(blueprint, scenario.programs, faults_of(scenario.specs), scenario.rule_seed))
    assert core.advance() == ENDED
    return Records.from_state(core.state, scenario.programs, engines)


def engine_of(spec: InstanceSpec) -> Engine:
    return engine(
        Profile(**vars(spec.profile)),
        kv_blocks=spec.capacity_blocks,
        max_num_seqs=spec.max_num_seqs,
        max_num_batched_tokens=spec.max_num_batched_tokens,
        max_model_len_tokens=spec.max_model_len,
        start_s=spec.start_s,
        failures=spec.failures,
        mode=spec.mode,
        lanes=Lanes(**vars(spec.lanes)),
    )


def faults_of(specs: list[InstanceSpec]) -> np.ndarray:
    changes = []
    for i, spec in enumerate(specs):
        for at_s, down_s in spec.failures:
            changes += [(at_s, i, 0), (at_s + down_s, i, 1)]
    return np.array(sorted(changes), FAULT)
