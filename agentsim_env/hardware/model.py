"""The shape of a model, and what follows from it: weights, KV, work per token. The shapes are in `models.yaml`."""

from dataclasses import dataclass

from agentsim_env.hardware.dtypes import KV_BYTES, WEIGHT_BYTES


@dataclass(frozen=True)
class Model:
    """Shape of one decoder-only transformer (gated MLP, grouped-query attention, dense or mixture of experts).

    Attributes:
        intermediate: Width of the dense MLP.
        vocab: Rows of the embedding.
        experts: Experts per layer, 0 for a dense model.
        experts_per_token: Experts that a token is routed to.
        expert_intermediate: Width of one expert's MLP.
        shared_intermediate: Width of the MLP that all tokens pass beside the experts.
        tied_embeddings: The output head reuses the embedding.
        max_context_tokens: Longest context the model is made for.
    """

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    max_context_tokens: int
    source: str
    experts: int = 0
    experts_per_token: int = 0
    expert_intermediate: int = 0
    shared_intermediate: int = 0
    tied_embeddings: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def attention_weights(self) -> int:
        """Weights of the QKV and output projections of one layer."""
        return self.hidden * self.head_dim * (2 * self.heads + 2 * self.kv_heads)

    @property
    def expert_weights(self) -> int:
        """Weights of one expert (gate, up, down)."""
        return 3 * self.hidden * self.expert_intermediate

    @property
    def always_read_mlp_weights(self) -> int:
        """Weights of the MLP of one layer that every token passes: all of it, or router and shared expert."""
        if self.experts:
            return self.hidden * self.experts + 3 * self.hidden * self.shared_intermediate
        return 3 * self.hidden * self.intermediate

    @property
    def head_weights(self) -> int:
        """Weights of the output head (and of the embedding)."""
        return self.vocab * self.hidden

    @property
    def layer_weights(self) -> int:
        """All matrix weights of one layer."""
        return self.attention_weights + self.always_read_mlp_weights + self.experts * self.expert_weights

    def active_weights(self, tokens: float) -> float:
        """Weights of one layer that a step of `tokens` tokens reads, with independent uniform routing."""
        always = self.attention_weights + self.always_read_mlp_weights
        if not self.experts:
            return always
        missed = (1.0 - self.experts_per_token / self.experts) ** tokens
        return always + self.experts * (1.0 - missed) * self.expert_weights

    @property
    def weights_per_token(self) -> int:
        """Weights of one layer that one token is multiplied with."""
        return self.attention_weights + self.always_read_mlp_weights + self.experts_per_token * self.expert_weights

    def layer_products(self, tp: int) -> tuple[tuple[int, int], ...]:
        """Shapes (n, k) of the dense products of one layer on one of `tp` ranks: QKV, output, gate and up, down."""
        heads, kv_heads = max(1, self.heads // tp), self.kv_heads_per_rank(tp)
        attention = (
            ((heads + 2 * kv_heads) * self.head_dim, self.hidden),
            (self.hidden, heads * self.head_dim),
        )
        width = (self.shared_intermediate if self.experts else self.intermediate) // tp
        return attention if width == 0 else (*attention, (2 * width, self.hidden), (self.hidden, width))

    def weight_bytes(self, dtype: str, tp: int) -> float:
        """Bytes of all weights on one of `tp` ranks; embedding and head stay in 16 bits."""
        embeddings = self.head_weights * (1 if self.tied_embeddings else 2)
        return (self.layers * self.layer_weights * WEIGHT_BYTES[dtype] + embeddings * 2.0) / tp

    def kv_heads_per_rank(self, tp: int) -> int:
        """KV heads on one of `tp` ranks; heads are copied when there are more ranks than heads."""
        return max(1, self.kv_heads // tp)

    def kv_bytes_per_token(self, kv_dtype: str, tp: int = 1) -> int:
        """Bytes of KV of one token on one of `tp` ranks, all layers."""
        return 2 * self.layers * self.kv_heads_per_rank(tp) * self.head_dim * KV_BYTES[kv_dtype]
