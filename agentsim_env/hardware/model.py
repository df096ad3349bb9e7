"""A model: its layers, and what follows from them: weights, KV, work per token."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from agentsim_env.hardware.dtypes import KV_BYTES, WEIGHT_BYTES, UnknownHardwareError
from agentsim_env.hardware.layers import Attention, LatentAttention, Layers, Mixer, Part, Recurrence
from agentsim_env.hardware.sampling import WHOLE


@dataclass(frozen=True)
class Checkpoint:
    """The number format of the published weights.

    Attributes:
        dtype: Format of the quantised parts.
        in_16_bits: Parts that are left in 16 bits.
    """

    dtype: str = "bf16"
    in_16_bits: frozenset[Part] = frozenset()


@dataclass(frozen=True)
class Model:
    """One decoder-only model.

    Attributes:
        layers_alike: Its layers, alike ones together, in order of first appearance.
        vocab: Rows of the embedding.
        max_context_tokens: Longest context the model is made for.
        tied_embeddings: The output head reuses the embedding.
        lookup_weights: Weights of further tables that a token only looks up (embeddings per layer).
        checkpoint: Number format of the published weights.
        sampling: How its published settings draw tokens, one of `sampling.SAMPLINGS`.
    """

    name: str
    hidden: int
    vocab: int
    layers_alike: tuple[Layers, ...]
    max_context_tokens: int
    source: str
    tied_embeddings: bool = False
    lookup_weights: int = 0
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    aliases: tuple[str, ...] = ()
    sampling: str = WHOLE

    @property
    def shape(self) -> "Model":
        """The model without what it is called and how it is published: equal for equal work."""
        kept = frozenset[Part]() if self.checkpoint.dtype == "bf16" else self.checkpoint.in_16_bits
        shape = Checkpoint(in_16_bits=kept)
        return replace(self, name="", source="", aliases=(), max_context_tokens=0, checkpoint=shape, sampling=WHOLE)

    @property
    def layers(self) -> int:
        """Number of layers."""
        return sum(alike.count for alike in self.layers_alike)

    @property
    def expert_layers(self) -> int:
        """Number of layers with routed experts."""
        return sum(alike.count for alike in self.layers_alike if alike.experts is not None)

    @property
    def layer(self) -> Layers:
        """The layers of a plain model, which are all alike: full attention with KV heads, and an MLP or experts.

        Raises:
            UnknownHardwareError: If layers differ, or are of another kind.
        """
        first, *others = self.layers_alike
        if others or not first.plain:
            raise UnknownHardwareError(
                f"{self.name}: only models whose layers are all alike, full attention and an MLP or experts, can be "
                "measured and calibrated"
            )
        return first

    @property
    def head_weights(self) -> int:
        """Weights of the output head (and of the embedding)."""
        return self.vocab * self.hidden

    @property
    def layer_weights(self) -> int:
        """All matrix weights of all layers."""
        return sum(alike.count * alike.weights(self.hidden) for alike in self.layers_alike)

    @property
    def active_layer_weights(self) -> int:
        """Weights of all layers that one token is multiplied with."""
        return sum(alike.count * alike.active_weights(self.hidden) for alike in self.layers_alike)

    @property
    def parameters(self) -> int:
        """All weights, embedding and output head included; norms and biases are left out."""
        embeddings = self.head_weights * (1 if self.tied_embeddings else 2)
        return self.layer_weights + embeddings + self.lookup_weights

    @property
    def active_parameters(self) -> int:
        """Weights that one token is multiplied with: those of the layers and of the output head."""
        return self.active_layer_weights + self.head_weights

    def expected_layer_weights(self, tokens: float) -> float:
        """Weights of all layers that a step of `tokens` tokens reads, with independent uniform routing."""
        missed = 0.0
        for alike in self.layers_alike:
            if (experts := alike.experts) is not None:
                share = (1.0 - experts.per_token / experts.count) ** tokens
                missed += alike.count * experts.count * share * experts.expert_weights(self.hidden)
        return self.layer_weights - missed

    def layer_products(self, tp: int) -> tuple[tuple[int, int], ...]:
        """Shapes (n, k) of the dense products of one layer of a plain model: QKV, output, gate and up, down."""
        return tuple((n, k) for _, n, k in self.layer.products(self.hidden, tp))

    def served_dtype(self, dtype: str) -> str:
        """The weight format of an engine that is asked for `dtype`: no engine widens a quantised checkpoint."""
        return dtype if WEIGHT_BYTES[dtype] < WEIGHT_BYTES[self.checkpoint.dtype] else self.checkpoint.dtype

    def part_dtype(self, part: Part, dtype: str) -> str:
        """The format of one part of the layers where the model is served in `dtype`."""
        kept = dtype == self.checkpoint.dtype and part in self.checkpoint.in_16_bits
        return "bf16" if kept else dtype

    def weight_bytes(self, dtype: str, tp: int) -> float:
        """Bytes of all weights on one of `tp` ranks; embedding, head and what the checkpoint keeps stay in 16 bits."""
        kept = sum(alike.count * self._kept_weights(alike, dtype) for alike in self.layers_alike)
        embeddings = self.head_weights * (1 if self.tied_embeddings else 2) + self.lookup_weights
        return ((self.layer_weights - kept) * WEIGHT_BYTES[dtype] + (embeddings + kept) * 2.0) / tp

    def _kept_weights(self, alike: Layers, dtype: str) -> int:
        kept = {part for part in self.checkpoint.in_16_bits if self.part_dtype(part, dtype) != dtype}
        weights = sum(mixer.weights(self.hidden) for mixer in alike.mixers) if "attention" in kept else 0
        if (experts := alike.experts) is not None:
            weights += experts.always_read_weights(self.hidden) if "shared" in kept else 0
            weights += experts.count * experts.expert_weights(self.hidden) if "experts" in kept else 0
        elif alike.mlp is not None and "mlp" in kept:
            weights += alike.mlp.weights(self.hidden)
        return weights

    def mixers(self) -> Iterator[tuple[int, Mixer]]:
        """(layers, mixer) of every kind of mixer."""
        return ((alike.count, mixer) for alike in self.layers_alike for mixer in alike.mixers)

    def growing(self) -> Iterator[tuple[int, Attention | LatentAttention]]:
        """(layers, attention) of those that attend to the whole context."""
        for count, mixer in self.mixers():
            if not isinstance(mixer, Recurrence) and mixer.window is None:
                yield count, mixer

    def kv_bytes_per_token(self, kv_dtype: str, tp: int = 1) -> int:
        """Bytes of KV on one of `tp` ranks, all layers, by which each token of the context adds to a sequence.

        Layers with a window or a recurrent state add nothing once a context is longer than the window: see
        `state_bytes_per_sequence`.
        """
        total = 0
        for count, mixer in self.growing():
            total += count * mixer.kv_values_per_token(tp) * KV_BYTES[kv_dtype]
            if isinstance(mixer, LatentAttention) and mixer.indexer is not None:
                total += count * mixer.indexer.kv_bytes_per_token
        return total

    def state_bytes_per_sequence(self, kv_dtype: str, tp: int = 1) -> float:
        """Bytes on one of `tp` ranks that a sequence holds whatever its length: full windows, recurrent states."""
        total = 0.0
        for count, mixer in self.mixers():
            if isinstance(mixer, Recurrence):
                total += count * mixer.state_bytes / tp
            elif mixer.window is not None:
                total += count * mixer.window * mixer.kv_values_per_token(tp) * KV_BYTES[kv_dtype]
        return total
