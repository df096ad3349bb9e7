"""The weights that a search begins with: those of nothing, or, where the rule advises, those of the rule."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from agentsim_env.envs.advice_feature import ADVISED
from agentsim_env.policies.weights import GatedWeights, LinearWeights, PooledWeights, Weights, flat, pooled_shapes
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.evolution_strategy import ALGORITHM
from agentsim_env.training.hyperparameters import width_of


class Start(NamedTuple):
    """What a search begins with.

    Attributes:
        weights: The weights. With advice a policy of these answers as the rule does.
        searched: Which of them are looked for, `bool [weights]`; the others stay as they are.
        norm: See `Strategy`. What begins as a rule and is linear in the weights would else grow in its direction, until
            no neighbour answers otherwise and nothing is learned any more.
    """

    weights: Weights
    searched: np.ndarray
    norm: float = 0.0


def start(values: Mapping[str, Any], names: Sequence[str], seed: int) -> Start:
    """Zeros for what is linear; for a network normal numbers that keep the size of what goes through a layer.

    With advice, `advised` counts 1 and all else nothing.

    Args:
        values: Hyper-parameters: `policy`, for a network `width`, and for gates `gates`.
        names: Columns of a row.
        seed: Of the run.

    Raises:
        TrainingError: There is no such policy, or no such column.
    """
    policy = values["policy"]
    if policy == "LinearPolicy":
        weights = LinearWeights(_rule(names))
        return _all_of(weights)._replace(norm=float(np.linalg.norm(weights.row_weight)))
    if policy == "GatedPolicy":
        return _gated(values.get("gates", [ADVISED]), names)
    if policy != "CandidatePolicy":
        raise TrainingError(f"no policy {policy!r} for es; there are: LinearPolicy, GatedPolicy, CandidatePolicy")
    return _all_of(_network(width_of(ALGORITHM, values), names, seed))


def elsewhere(begun: Start, weights: Weights) -> Start:
    """The same search from other weights of the form; those that stay, stay as these have them."""
    norm = float(np.linalg.norm(flat(weights) * begun.searched)) if begun.norm > 0.0 else 0.0
    return Start(weights, begun.searched, norm)


def _all_of(weights: Weights) -> Start:
    return Start(weights, np.ones(sum(array.size for array in weights), bool))


def _rule(names: Sequence[str]) -> np.ndarray:
    """Weights of the columns that follow the advice, if there is any."""
    weights = np.zeros((len(names), 1), np.float32)
    if ADVISED in names:
        weights[names.index(ADVISED)] = 1.0
    return weights


def _gated(gates: Any, names: Sequence[str]) -> Start:
    """Each gate is a column, and stays so; what it lets through is looked for."""
    chosen = gates if isinstance(gates, list) else [gates]
    unknown = [gate for gate in chosen if gate not in names]
    if unknown or not chosen or len(set(chosen)) < len(chosen):
        hint = " (that is there with decisions.advice)" if unknown == [ADVISED] else ""
        raise TrainingError(f"gates = {gates!r}: must be columns, each once{hint}; there are: {', '.join(names)}")
    gate = np.zeros((len(names), len(chosen)), np.float32)
    gate[[names.index(name) for name in chosen], range(len(chosen))] = 1.0
    weights = GatedWeights(_rule(names), gate, np.zeros_like(gate))
    searched = [np.full(array.size, field != "gate") for field, array in weights._asdict().items()]
    return Start(weights, np.concatenate(searched), float(np.linalg.norm(weights.row_weight)))


def _network(width: int, names: Sequence[str], seed: int) -> PooledWeights:
    rng = np.random.default_rng((seed, len(names)))
    shapes = pooled_shapes(len(names), width)
    weights = PooledWeights(**{name: _layer(rng, shape) for name, shape in shapes.items()})
    if ADVISED in names:
        _follow(weights, names.index(ADVISED))
    return weights


def _layer(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of a layer; biases are 0."""
    if len(shape) == 1:
        return np.zeros(shape, np.float32)
    return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)


def _follow(weights: PooledWeights, advised: int) -> None:
    """Have the first unit of each layer hand on whether a row is advised, and the score be that."""
    for layer in (weights.embed_weight, weights.hidden_weight, weights.context_weight, weights.row_weight):
        layer[:, 0] = 0.0
    weights.embed_weight[advised, 0] = weights.hidden_weight[0, 0] = weights.row_weight[0, 0] = 1.0
    weights.head_weight[:] = 0.0
    weights.head_weight[0] = 1.0
