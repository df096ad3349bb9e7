"""Where the time of a turn, of a step, of a batched step and of a frame of PPO goes.

Steps are measured as a ladder, each rung doing what the one before does and something more: what is added costs the
difference.
"""

import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import torch

from agentsim_env import Simulator
from agentsim_env.envs import make_sb3_vec
from benchmarks.environments import ACTIONS, ROUTING
from benchmarks.measure import stopwatch
from benchmarks.speed.parts import Report
from benchmarks.speed.ppo import N as PPO_N
from benchmarks.speed.ppo import network_of, own_model
from benchmarks.speed.rows import Row

EPISODES = 20
BATCH = 64
CALLS = 400

Sums = dict[str, float]
"""Seconds, by what took them."""

TURN = ("draw the programs", "check them and build the state", "the loop", "figures and records")
LADDER = (
    "the loop alone, answered by the rule random",
    "stopped at each decision, answered from Python",
    "observation, mask and reward in the same call",
    "step of the environment",
    "step of what gymnasium.make returns",
    "with the reset before and the figures at the end of an episode",
)
RUNGS = ("the compiled call", "Batch.step", "step of what gymnasium.make_vec returns")


def measure(rounds: int, quick: bool, report: Report) -> None:
    """See the module."""
    episodes = EPISODES // 4 if quick else EPISODES
    torch.set_num_threads(1)
    parts: list[tuple[str, str, Callable[[], Sums]]] = [
        ("a turn", "ns", of_a_turn(episodes)),
        ("a step", "ns", of_a_step(episodes)),
        (f"a step of a batch of {BATCH}, one thread", "ns", of_a_batched_step()),
        ("a frame, PPO's own network", "µs", of_a_frame(network_of(make_sb3_vec(ROUTING, n_envs=PPO_N, seed=0)))),
        ("a frame, agentsim train", "µs", of_a_frame(own_model())),
    ]
    found: dict[str, Row] = {}
    for number in range(rounds + 1):
        for what, unit, run in parts:
            for name, seconds in run().items():
                row = found.setdefault(f"{what}: {name}", Row(f"{what}: {name}", unit, []))
                if number:
                    row.values.append(seconds * {"ns": 1e9, "µs": 1e6}[unit])
        if number:
            report(list(found.values()))


def of_a_turn(episodes: int) -> Callable[[], Sums]:
    """Parts of a turn of the default scenario, by its rules, in CPU seconds."""
    simulator = Simulator()

    def run() -> Sums:
        seconds, turns = np.zeros(len(TURN)), 0
        for seed in range(episodes):
            marks = [time.process_time()]
            programs = simulator.source.draw(seed)
            marks.append(time.process_time())
            simulator.reset(seed, programs)
            marks.append(time.process_time())
            simulator.run()
            marks.append(time.process_time())
            simulator.summary()
            marks.append(time.process_time())
            seconds += np.diff(marks)
            turns += len(programs.turn)
        return dict(zip(TURN, seconds / turns, strict=True))

    return run


def of_a_step(episodes: int) -> Callable[[], Sums]:
    """The ladder of a step of one environment under random answers, in CPU seconds."""
    env: Any = gymnasium.make(ROUTING)
    inner = env.unwrapped
    source = inner.simulator.source
    by_rule = Simulator(inner.scenario, rules={"route_turn": "random"}, source=source)
    asked = Simulator(inner.scenario, agent_kinds=("route_turn",), source=source)
    actions = np.random.default_rng(0).integers(0, env.action_space.n, ACTIONS).tolist()
    length: dict[int, int] = {}

    def loop(seed: int) -> float:
        by_rule.reset(inner.split.seed(seed))
        clock = stopwatch()
        by_rule.run()
        return clock() * length[seed] / len(by_rule.programs.turn)

    def stopped(seed: int) -> float:
        asked.reset(inner.split.seed(seed))
        core, steps = asked.core, 0
        core.advance(0, None)
        clock = stopwatch()
        while core.advance(actions[steps % ACTIONS], None) >= 0:
            steps += 1
        length[seed] = steps
        return clock()

    def answered(seed: int) -> float:
        inner.reset(seed=seed)
        core, clock = inner.simulator.core, stopwatch()
        for step in range(length[seed]):
            inner._answer(core, actions[step % ACTIONS])
        return clock()

    def stepped(env: Any, seed: int) -> float:
        env.reset(seed=seed)
        clock = stopwatch()
        for step in range(length[seed]):
            env.step(actions[step % ACTIONS])
        return clock()

    def whole(seed: int) -> float:
        clock, over, step = stopwatch(), False, 0
        env.reset(seed=seed)
        while not over:
            over = env.step(actions[step % ACTIONS])[2]
            step += 1
        return clock()

    rungs: tuple[Callable[[int], float], ...] = (
        loop,
        stopped,
        answered,
        lambda seed: stepped(inner, seed),
        lambda seed: stepped(env, seed),
        whole,
    )

    def run() -> Sums:
        for seed in range(episodes):
            stopped(seed)  # how long the episodes are
        steps = sum(length.values())
        return {
            name: sum(rung(seed) for seed in range(episodes)) / steps for name, rung in zip(LADDER, rungs, strict=True)
        }

    return run


def of_a_batched_step() -> Callable[[], Sums]:
    """The ladder of a step of a batch, for each environment, in CPU seconds of the thread that makes it."""
    envs: Any = gymnasium.make_vec(ROUTING, num_envs=BATCH, threads=1)
    timed = Timed(time.thread_time)
    timed.watch(envs.batch, "_run", RUNGS[0])
    timed.watch(envs.batch, "step", RUNGS[1])
    timed.watch(envs, "step", RUNGS[2])
    actions = np.random.default_rng(0).integers(0, envs.single_action_space.n, (ACTIONS, BATCH))
    envs.reset(seed=0)

    def run() -> Sums:
        timed.seconds.clear()
        for call in range(CALLS):
            envs.step(actions[call])
        return {name: seconds / (CALLS * BATCH) for name, seconds in timed.seconds.items()}

    return run


def of_a_frame(model: Any) -> Callable[[], Sums]:
    """Parts of a frame of PPO, in seconds of wall time."""
    timed, frames = Timed(time.perf_counter), model.n_steps * model.n_envs
    timed.watch(model.env, "step", "environments")
    timed.watch(model, "collect_rollouts", "collecting")
    timed.watch(model, "train", "learning from them")

    def run() -> Sums:
        timed.seconds.clear()
        model.learn(frames, reset_num_timesteps=False)
        sums = timed.seconds
        sums["policy and rollout buffer"] = sums.pop("collecting") - sums["environments"]
        return {name: sums[name] / frames for name in sorted(sums)}

    return run


class Timed:
    """Adds up the time of calls of methods.

    Args:
        clock: Tells the time, in seconds.

    Attributes:
        seconds: By the names that they were given.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.seconds: Sums = {}

    def watch(self, owner: Any, method: str, name: str) -> None:
        """Time a method of an object from here on."""
        inner = getattr(owner, method)

        def timed(*arguments: Any, **named: Any) -> Any:
            begun_s = self._clock()
            try:
                return inner(*arguments, **named)
            finally:
                self.seconds[name] = self.seconds.get(name, 0.0) + self._clock() - begun_s

        setattr(owner, method, timed)
