"""What tensor parallelism can divide: the conditions under which an engine (vLLM) starts.

Query heads are divided evenly; KV heads too, or each is copied to as many ranks; so are the widths of MLPs, experts and
recurrent states. The vocabulary is padded, and a latent (MLA) is copied to every rank.
"""

from collections.abc import Iterator

from agentsim_env.hardware.dtypes import UnknownHardwareError
from agentsim_env.hardware.layers import Attention, Experts, LatentAttention, Layers
from agentsim_env.hardware.model import Model

MOST_RANKS = 64


def check_tp(model: Model, tp: int) -> None:
    """Refuses a tensor parallelism that no engine starts with.

    Raises:
        UnknownHardwareError: It names what is not divided, and the sizes that would work.
    """
    reason = undivided(model, tp)
    if reason is not None:
        raise UnknownHardwareError(f"tp {tp}: {reason}")


def undivided(model: Model, tp: int) -> str | None:
    """What `tp` does not divide, with the sizes that would work; `None` if an engine starts with it."""
    problem = next(_problems(model, tp), None)
    if problem is None:
        return None
    works = [str(ranks) for ranks in range(1, MOST_RANKS + 1) if next(_problems(model, ranks), None) is None]
    return f"{model.name} has {problem}; tp that would work: {', '.join(works)}"


def _problems(model: Model, tp: int) -> Iterator[str]:
    for alike in model.layers_alike:
        yield from _undivided_heads(alike, tp)
        widths = (alike.mlp.width, alike.mlp.shared_width) if isinstance(alike.mlp, Experts) else ()
        for width in (alike.mlp.width,) if alike.mlp is not None and not widths else widths:
            if width % tp:
                yield f"{'experts' if widths else 'MLPs'} of width {width}, which {tp} does not divide"


def _undivided_heads(alike: Layers, tp: int) -> Iterator[str]:
    for mixer in alike.mixers:
        what = "query heads" if isinstance(mixer, Attention | LatentAttention) else "heads of a recurrent state"
        if mixer.heads % tp:
            yield f"{mixer.heads} {what}, which {tp} does not divide"
        if isinstance(mixer, Attention) and mixer.kv_heads % tp and tp % mixer.kv_heads:
            yield f"{mixer.kv_heads} KV heads, which {tp} neither divides nor is a multiple of"
