"""What a serving engine of some generation adds to the kernels of a step (`engine_profiles.yaml`)."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from agentsim_env.files import read_yaml
from agentsim_env.hardware.catalog import FOLDER, find_gpu
from agentsim_env.hardware.dtypes import UnknownHardwareError
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.profile import Array, Profile
from agentsim_env.hardware.sampling import BY_MODEL, PENALISED, TOP_K, TOP_P, WHOLE, known_sampling

PLAIN = "plain"
MEASURED_ON = "H100"  # GPU of the times that go with the memory bandwidth


class CutCost(NamedTuple):
    """Seconds of cutting the logits of a step: per step, per logit of a row, per logit of all rows."""

    step_s: float
    row_s: float
    logit_s: float

    def seconds(self, sequences: Array, vocab: int) -> Array:
        """Seconds for each number of sequences."""
        return self.step_s + vocab * (self.row_s + self.logit_s * sequences)


@dataclass(frozen=True)
class Sampler:
    """How an engine cuts the vocabulary.

    Attributes:
        costs: By the kind of cut, `top_p` or `top_k`.
        bandwidth_bound: What a logit of all rows costs goes with the inverse of the memory bandwidth.
        below: Fewer sequences than this are sampled by `other`.
        other: Name of that sampler.
        source: Where the numbers come from.
        chosen_on: Rows of measured runs on which one was chosen.
    """

    costs: Mapping[str, CutCost]
    bandwidth_bound: bool
    below: int
    other: str
    source: str
    chosen_on: tuple[str, ...]

    def seconds(self, sequences: Array, cut: str, vocab: int, gpu: Gpu) -> Array:
        """Seconds of one step for each number of sequences."""
        cost = self.costs[cut]
        if self.bandwidth_bound:
            ratio = find_gpu(MEASURED_ON).hbm_bytes_per_s / gpu.hbm_bytes_per_s
            cost = cost._replace(logit_s=cost.logit_s * ratio)
        own_s = cost.seconds(sequences, vocab)
        if not self.below:
            return own_s
        return np.where(sequences < self.below, samplers()[self.other].seconds(sequences, cut, vocab, gpu), own_s)


@dataclass(frozen=True)
class EngineProfile:
    """One generation of a serving engine.

    Attributes:
        text: What is particular about it.
        async_scheduling: It forms a step while the one before it runs.
        step_s: Seconds of every step beside its kernels; `None`: what a latency profile has.
        sequence_s: Seconds of every sequence of a step.
        penalty_s: Seconds of every sequence whose repetitions are penalised.
        sampler: Entry of `samplers`.
        source: Where the numbers come from.
        chosen_on: Rows of measured runs on which one was chosen, those of the sampler apart.
    """

    name: str
    text: str
    async_scheduling: bool
    step_s: float | None
    sequence_s: float
    penalty_s: float
    sampler: str
    source: str
    chosen_on: tuple[str, ...]

    def sampling_s(self, sequences: Array, sampling: str, vocab: int, gpu: Gpu) -> Array:
        """Seconds that a step takes for drawing tokens otherwise than from the whole vocabulary.

        Args:
            sequences: Sequences of the step.
            sampling: One of `sampling.SAMPLINGS`.
            vocab: Size of the vocabulary.
            gpu: The GPU.
        """
        if sampling == WHOLE:
            return np.zeros_like(sequences)
        cut = TOP_P if sampling == TOP_P else TOP_K
        penalty_s = self.penalty_s if sampling == PENALISED else 0.0
        return samplers()[self.sampler].seconds(sequences, cut, vocab, gpu) + penalty_s * sequences


def with_engine(
    profile: Profile, engine: EngineProfile, gpu: Gpu, model: Model, sampling: str, max_num_seqs: int
) -> Profile:
    """`profile` with what `engine` adds to it.

    Args:
        profile: A profile of `model` on `gpu`, of kernels and the usual overheads.
        engine: The engine.
        gpu: The GPU.
        model: The model.
        sampling: One of `sampling.SAMPLINGS`, or `model`: as published.
        max_num_seqs: Most sequences of a step.
    """
    sampling = model.sampling if known_sampling(sampling) == BY_MODEL else sampling
    changes: dict[str, object] = {}
    if engine.step_s is not None:
        changes["overhead_s"] = engine.step_s
    knots = np.union1d(profile.seq_n, [1.0, float(max_num_seqs)])
    below = samplers()[engine.sampler].below
    if below and sampling != WHOLE:
        knots = np.union1d(knots, [below - 1.0, float(below)])
    added_s = engine.sequence_s * knots + engine.sampling_s(knots, sampling, model.vocab, gpu)
    if np.any(added_s > 0):
        changes |= {"seq_n": knots, "seq_s": np.array([profile.sequences_s(float(n)) for n in knots]) + added_s}
    return profile.replace(**changes) if changes else profile


def find_engine(name: str) -> EngineProfile:
    """The engine called `name`.

    Raises:
        UnknownHardwareError: There is none; the message lists those that there are.
    """
    known = engine_profiles()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        raise UnknownHardwareError(f"unknown engine {name!r}{hint} Known (engine_profiles.yaml): {', '.join(known)}")
    return known[name]


@cache
def engine_profiles() -> Mapping[str, EngineProfile]:
    """Every engine of `engine_profiles.yaml` by name."""
    return {
        name: EngineProfile(name=name, **{**entry, "chosen_on": tuple(entry["chosen_on"])})
        for name, entry in _read()["engines"].items()
    }


@cache
def samplers() -> Mapping[str, Sampler]:
    """Every sampler of `engine_profiles.yaml` by name."""
    return {name: _sampler(entry) for name, entry in _read()["samplers"].items()}


def _sampler(entry: Mapping[str, Any]) -> Sampler:
    below = entry.get("below", {"sequences": 0, "sampler": ""})
    return Sampler(
        costs={cut: CutCost(**entry[cut]) for cut in (TOP_P, TOP_K)},
        bandwidth_bound=entry.get("bandwidth_bound", False),
        below=below["sequences"],
        other=below["sampler"],
        source=entry["source"],
        chosen_on=tuple(entry["chosen_on"]),
    )


@cache
def _read() -> dict[str, Any]:
    return read_yaml(FOLDER / "engine_profiles.yaml")
