"""The size that a name states ("8B", "30B-A3B", "8x7B"), held against the count of parameters."""

import re
import warnings

from agentsim_env.hardware.huggingface.fields import ModelWarning
from agentsim_env.hardware.model import Model

TOLERANCE = 0.15  # names are rounded, and some leave the embeddings out
# A number and B or M, not inside a word, and not the M of a context ("-1M"); 1_8B and 7b1 are decimals.
BILLIONS = re.compile(r"(?<![a-z0-9.])(?:(\d+)x)?(\d+(?:[._]\d+)?)b(\d)?(?![a-z0-9])", re.IGNORECASE)
ACTIVE = re.compile(r"(?<![a-z0-9.])a(\d+(?:[._]\d+)?)b(?![a-z0-9])", re.IGNORECASE)
MILLIONS = re.compile(r"(?<![a-z0-9.])(\d{2,4})m(?![a-z0-9])", re.IGNORECASE)


def check_size(model: Model) -> None:
    """Warns if no size in the name of `model` is that of its weights: pruned and distilled models keep names."""
    name = model.name.rsplit("/", 1)[-1]
    total, active = _stated(name)
    embeddings = model.head_weights * (1 if model.tied_embeddings else 2)
    all_of_it = (model.parameters - embeddings - model.lookup_weights, model.parameters)
    active_of_it = (model.active_layer_weights, model.active_parameters + model.head_weights)
    sound = not total or any(_within(size, *all_of_it) or _within(size, *active_of_it) for size in total)
    if sound and (not active or any(_within(size, *active_of_it) for size in active)):
        return
    stated = " and ".join(f"{size / 1e9:g}B" for size in total + active)
    found = f"{model.parameters / 1e9:.2f} billion parameters"
    if model.expert_layers:
        found += f", {model.active_parameters / 1e9:.2f} of them active"
    warnings.warn(
        f"{model.source}: the name {name} says {stated}, the fields give {found} ({model.layers} layers); what the "
        "fields give is simulated",
        ModelWarning,
        stacklevel=3,
    )


def _stated(name: str) -> tuple[list[float], list[float]]:
    """Sizes that a name states: of all weights (or of the active ones), and of the active ones alone."""
    active = [1e9 * float(size.replace("_", ".")) for size in ACTIVE.findall(name)]
    total: list[float] = []
    for times, size, tenths in BILLIONS.findall(name):
        billions = float(f"{size}.{tenths}" if tenths and "." not in size else size.replace("_", "."))
        # Experts share attention and embeddings: 8x7B has 47B, 0.83 of the product, 8x22B 141B.
        total.append(1e9 * billions * (0.82 * int(times) if times else 1))
    if not total and not active:
        total = [1e6 * float(size) for size in MILLIONS.findall(name)]
    return total, active


def _within(size: float, low: float, high: float) -> bool:
    return (1 - TOLERANCE) * low <= size <= (1 + TOLERANCE) * high
