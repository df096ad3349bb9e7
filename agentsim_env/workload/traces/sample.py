"""Episodes out of a long workload."""

import numpy as np

from agentsim_env.workload.programs import Programs
from agentsim_env.workload.traces.subset import compact_segments, spans, take_programs


class TraceSampler:
    """Draws episodes from a workload, in about a millisecond for a hundred programs.

    Args:
        programs: A workload without closed-loop arrivals.
        part: Programs to draw from, as fractions of all in their order: `(0.0, 0.8)` to train, `(0.8, 1.0)` to test.

    Raises:
        ValueError: A part that holds no program, or a program waits for the end of another (`after`).
    """

    def __init__(self, programs: Programs, part: tuple[float, float] = (0.0, 1.0)) -> None:
        """Prepares the segments of each program."""
        if (programs.program["after"] >= 0).any():
            raise ValueError("programs that start after the end of others (closed loop) cannot be sampled")
        low, high = part
        if not 0.0 <= low < high <= 1.0:
            raise ValueError(f"part is {part}; allowed: two fractions in ascending order, from 0 to 1")
        n = len(programs.program)
        self.programs = programs
        self.first, self.end = round(low * n), round(high * n)
        if self.first == self.end:
            raise ValueError(f"part {part} of {n} programs holds none")
        self._arrival_s = programs.program["arrival_s"]
        self._segments, self._bounds = _segments_of_programs(programs)

    @property
    def has_arrivals(self) -> bool:
        """Whether the workload says when programs arrive (not all at the same time)."""
        return bool(self._arrival_s[-1] > self._arrival_s[0])

    def count(self, window: tuple[float, float] | None = None) -> int:
        """Number of programs that `sample` can draw from."""
        low, high = self._candidates(window)
        return max(0, high - low)

    def sample(
        self,
        n_programs: int,
        rng: np.random.Generator,
        arrivals: np.ndarray | None = None,
        window: tuple[float, float] | None = None,
    ) -> Programs:
        """Draws an episode.

        A workload with arrivals gives programs that arrived one after another, from a random one on; one without
        gives a random subset in random order. Times are counted from the first arrival.

        Args:
            n_programs: Programs in the episode.
            rng: Source of randomness.
            arrivals: Arrivals to use instead, seconds, ascending, one per program.
            window: Only programs that arrived from the first to before the second of these times, in seconds.

        Returns:
            A workload of its own, with the segments that it needs.

        Raises:
            ValueError: Fewer programs to draw from than asked for, or arrivals that do not fit.
        """
        low, high = self._candidates(window)
        if not 1 <= n_programs <= high - low:
            raise ValueError(f"n_programs is {n_programs}; allowed: 1 to {high - low}, the programs to draw from")
        if self.has_arrivals:
            chosen = np.arange(n_programs) + rng.integers(low, high - n_programs + 1)
        else:
            chosen = low + rng.permutation(high - low)[:n_programs]
        return self.take(chosen, arrivals)

    def take(self, chosen: np.ndarray, arrivals: np.ndarray | None = None) -> Programs:
        """The workload of given programs, in the given order.

        Args:
            chosen: Indices of programs, each at most once; by ascending arrival unless `arrivals` is given.
            arrivals: As for `sample`.
        """
        part = take_programs(self.programs, chosen)
        _set_arrivals(part.program, arrivals)
        lists = spans(self._bounds[chosen], self._bounds[chosen + 1] - self._bounds[chosen])
        needed = np.unique(self._segments[lists])
        segment, part.turn["segment"] = compact_segments(self.programs.segment, part.turn["segment"], needed)
        return part._replace(segment=segment)

    def _candidates(self, window: tuple[float, float] | None) -> tuple[int, int]:
        if window is None:
            return self.first, self.end
        if not self.has_arrivals:
            raise ValueError("window is given, but the workload has no arrival times; allowed: None")
        begin, end = np.searchsorted(self._arrival_s, window)
        return max(self.first, int(begin)), min(self.end, int(end))


def sample_episode(
    programs: Programs,
    n_programs: int,
    rng: np.random.Generator,
    arrivals: np.ndarray | None = None,
    window: tuple[float, float] | None = None,
) -> Programs:
    """Draws one episode; for many from the same workload keep a `TraceSampler`.

    See `TraceSampler.sample` for the arguments.
    """
    return TraceSampler(programs).sample(n_programs, rng, arrivals, window)


def _set_arrivals(program: np.ndarray, arrivals: np.ndarray | None) -> None:
    """Moves arrivals and deadlines; a deadline keeps its distance from the arrival."""
    old = program["arrival_s"].copy()
    if arrivals is None:
        new = old - (old[0] if len(old) else 0.0)
    else:
        new = np.asarray(arrivals, dtype=np.float64)
        if new.shape != old.shape or not np.isfinite(new).all() or (np.diff(new) < 0.0).any():
            raise ValueError(f"arrivals must be {len(old)} finite times in ascending order")
    program["arrival_s"] = new
    program["deadline_s"] += new - old


def _segments_of_programs(programs: Programs) -> tuple[np.ndarray, np.ndarray]:
    """The segments on the paths of each program: one after another, and where each program's begin."""
    parent = programs.segment["parent"].tolist()
    leaf = programs.turn["segment"].tolist()
    first = programs.program["first_turn"].tolist()
    count = programs.program["n_turns"].tolist()
    user = [-1] * len(parent)
    segments: list[int] = []
    bounds = [0]
    for program, begin in enumerate(first):
        for segment in leaf[begin : begin + count[program]]:
            while segment >= 0 and user[segment] != program:
                user[segment] = program
                segments.append(segment)
                segment = parent[segment]
        bounds.append(len(segments))
    return np.array(segments, dtype=np.int64), np.array(bounds, dtype=np.int64)
