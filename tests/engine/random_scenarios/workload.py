"""Random programs: chains, graphs and races, over a forest of shared and private segments."""

from itertools import pairwise

import numpy as np

from agentsim_env.workload.programs import Programs, Tool
from tests.agreement.scenario import BLOCK
from tests.engine.random_scenarios.knobs import TICK_S, Knobs, snap
from tests.engine.random_scenarios.societies import with_societies
from tests.engine.random_scenarios.streams import Streams
from tests.reference.building import WorkloadBuilder


def random_workload(knobs: Knobs, streams: Streams) -> Programs:
    programs = with_tenants(knobs, RandomWorkload(knobs, streams).build(), streams("tenants"))
    return with_societies(knobs, programs, streams("steps and reports")) if knobs.societies else programs


def with_tenants(knobs: Knobs, programs: Programs, rng: np.random.Generator) -> Programs:
    """Three tenants; some programs have deadlines."""
    n = len(programs.program)
    programs.program["tenant"] = rng.integers(0, 3, n)
    deadlines_s = np.array([snap(knobs, time_s) for time_s in rng.exponential(2.0, n)])
    programs.program["deadline_s"] = np.where(rng.random(n) < 0.6, deadlines_s, np.inf)
    return programs._replace(tenants=("a", "b", "c"))


class RandomWorkload:
    """Programs over a forest of shared and private segments."""

    def __init__(self, knobs: Knobs, streams: Streams) -> None:
        self.knobs = knobs
        self.streams = streams
        self.work = WorkloadBuilder(tuple(self.tools(streams("tools"))), BLOCK)
        lengths = streams("mean lengths")
        self.mean_gap_s = float(lengths.choice([0.0, 0.02, 0.2]))
        self.mean_output = float(lengths.choice([0.5, 3, 15, 40]))
        self.mean_append = float(lengths.choice([5, 60, 250]))
        self.shared: list[int] = []
        self.share(streams("shared segments"))
        self.rng = streams("shapes")

    def tools(self, rng: np.random.Generator) -> list[Tool]:
        return [
            Tool(f"tool{i}", int(rng.choice([0, 0, 1, 2])), float(rng.choice([0.0, 2, 12])) * TICK_S)
            for i in range(rng.integers(1, 4))
        ]

    def share(self, rng: np.random.Generator) -> None:
        """Add segments that programs share, some behind others."""
        for _ in range(rng.integers(1, 4)):
            parent = -1 if not self.shared or rng.random() < 0.5 else int(rng.choice(self.shared))
            self.shared.append(self.work.segment(int(rng.integers(1, 9)), parent))

    def build(self) -> Programs:
        shapes = [self.chain, self.stripped_chain, self.fan_out, self.fork, self.race]
        weights = self.rng.dirichlet(np.ones(len(shapes)))
        for number, arrival_s in enumerate(self.arrivals(self.streams("arrivals"))):
            # What is drawn below is drawn from a stream of the program's own.
            self.rng = self.streams(f"program {number}")
            if number and self.rng.random() < 0.2:
                delay_s = float(self.rng.choice([0.0, 12])) * TICK_S
                self.work.program(delay_s, after=int(self.rng.integers(number)))
            else:
                self.work.program(arrival_s)
            shapes[self.rng.choice(len(shapes), p=weights)]()
        return self.work.build()

    def arrivals(self, rng: np.random.Generator) -> list[float]:
        """Arrival times, in order."""
        spacing_s = float(rng.choice([0.0, 0.01, 0.05, 0.2]))
        times = np.cumsum(rng.exponential(1.0, self.knobs.n_programs) * spacing_s)
        return [self.snap(float(time)) for time in times]

    def snap(self, time_s: float) -> float:
        return snap(self.knobs, time_s)

    # Draws.

    def output(self) -> int:
        return 1 + int(self.rng.exponential(self.mean_output))

    def append(self) -> int:
        """New tokens of a turn; now and then a context ends at the end of a block."""
        if self.rng.random() < 0.2:
            return BLOCK * int(self.rng.integers(1, 9))
        return 1 + int(self.rng.exponential(self.mean_append))

    def path_blocks(self, segment: int) -> int:
        return sum(self.work.segments[segment][1:])

    def connect(self, source: int, target: int) -> None:
        gap_s = 0.0 if self.rng.random() < 0.3 else float(self.rng.exponential(self.mean_gap_s))
        failures = int(self.rng.choice([0, 0, 0, 1, 2]))
        self.work.edge(source, target, self.snap(gap_s), int(self.rng.integers(len(self.work.tools))), failures)

    def leaf(self, parent: int, tokens: int) -> int:
        """A private segment behind `parent` whose path covers `tokens`."""
        blocks = -(-tokens // BLOCK) - self.path_blocks(parent)
        return self.work.segment(max(1, blocks) + int(self.rng.integers(2)), parent)

    def first_prompt(self, system: int) -> int:
        tokens = self.path_blocks(system) * BLOCK
        if self.knobs.irregular and self.rng.random() < 0.3:
            return max(1, int(self.rng.integers(tokens + 1)))
        return tokens + self.append()

    # Shapes of programs.

    def chain(self) -> None:
        """Turns on one private leaf, each behind what the one before has generated."""
        lengths = self.lengths(int(self.rng.integers(1, 6)))
        system = int(self.rng.choice(self.shared))
        self.turns_on_leaf(system, self.first_prompt(system), lengths)

    def lengths(self, n: int) -> list[tuple[int, int]]:
        return [(self.append(), self.output()) for _ in range(n)]

    def turns_on_leaf(self, parent: int, prompt: int, lengths: list[tuple[int, int]]) -> list[int]:
        """A chain that begins with `prompt` tokens; its turns."""
        contexts = []
        for i, (new, output) in enumerate(lengths):
            contexts.append((prompt, prompt if i == 0 else min(new, prompt), output))
            following = prompt + output + (lengths[i + 1][0] if i + 1 < len(lengths) else 0)
            if self.knobs.irregular and self.rng.random() < 0.3:
                following = max(1, int(self.rng.integers(following + 1)))
            prompt = following
        leaf = self.leaf(parent, max(prompt + output for prompt, _, output in contexts))
        turns = [self.work.turn(leaf, prompt, output, new) for prompt, new, output in contexts]
        for source, target in pairwise(turns):
            self.connect(source, target)
        return turns

    def stripped_chain(self) -> None:
        """Turns whose generated tokens are not reused: each has a tail of its own."""
        system = int(self.rng.choice(self.shared))
        parent, prompt, before = system, self.path_blocks(system) * BLOCK + self.append(), None
        for _ in range(self.rng.integers(1, 5)):
            if prompt // BLOCK > self.path_blocks(parent):
                parent = self.work.segment(prompt // BLOCK - self.path_blocks(parent), parent)
            output = self.output()
            turn = self.work.turn(self.leaf(parent, prompt + output), prompt, output)
            if before is not None:
                self.connect(before, turn)
            before = turn
            prompt += self.append()

    def fan_out(self) -> None:
        """A turn, sub-agents behind its context, and a turn that joins them."""
        rng = self.rng
        system = int(rng.choice(self.shared))
        prompt, output = self.path_blocks(system) * BLOCK + BLOCK + self.append(), self.output()
        trunk = self.work.segment((prompt + output) // BLOCK - self.path_blocks(system), system)
        trunk_tokens = self.path_blocks(trunk) * BLOCK
        joined, join_output = prompt + output + self.append(), self.output()
        main = self.leaf(trunk, joined + join_output)
        root = self.work.turn(main, prompt, output)
        ends = [root] if rng.random() < 0.3 else []
        for _ in range(rng.integers(1, 5)):
            turns = self.turns_on_leaf(trunk, trunk_tokens + self.append(), self.lengths(int(rng.integers(1, 3))))
            self.connect(root, turns[0])
            ends.append(turns[-1])
        join = self.work.turn(main, joined, join_output)
        for end in ends:
            self.connect(end, join)

    def fork(self) -> None:
        """Roots on branches of one context, without edges; on one branch some repeat or extend another's prompt."""
        system = int(self.rng.choice(self.shared))
        trunk = self.work.segment(int(self.rng.integers(1, 6)), system)
        start = self.path_blocks(trunk) * BLOCK
        shared = [(start + self.append(), self.output())]
        for _ in range(self.rng.integers(3)):
            prompt, output = shared[-1]
            shared.append((prompt + int(self.rng.choice([0, output + self.append()])), self.output()))
        leaf = self.leaf(trunk, max(prompt + output for prompt, output in shared))
        for prompt, output in shared:
            self.work.turn(leaf, prompt, output)
        for _ in range(self.rng.integers(3)):
            prompt, output = start + self.append(), self.output()
            self.work.turn(self.leaf(trunk, prompt + output), prompt, output)

    def race(self) -> None:
        """Roots on one leaf, each with a longer prompt than the one before: what one generates the next prefills."""
        system = int(self.rng.choice(self.shared))
        prompts = self.path_blocks(system) * BLOCK + np.cumsum(self.rng.integers(1, 60, self.rng.integers(2, 5)))
        outputs = [20 + self.output() for _ in prompts]
        leaf = self.leaf(system, int(prompts[-1]) + max(outputs))
        for prompt, output in zip(prompts, outputs, strict=True):
            self.work.turn(leaf, int(prompt), output)
