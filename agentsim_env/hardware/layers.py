"""What a decoder layer is made of: how it mixes tokens (attention or a recurrent state) and what each token passes.

Every part knows its weights, its matrix products on one of `tp` ranks, the KV that a token leaves in it, the state that
a sequence keeps in it, and the arithmetic of attending to a token. Counts are exact except for norms and biases.
"""

from dataclasses import dataclass
from typing import Literal

Part = Literal["attention", "mlp", "shared", "experts"]
Product = tuple[Part, int, int]  # part of the layer, outputs, inputs


@dataclass(frozen=True)
class Attention:
    """Softmax attention with keys and values per KV head (MHA, GQA, MQA).

    Attributes:
        head_dim: Width of a query and of a key.
        value_dim: Width of a value.
        window: Tokens that a query looks back at; `None`: the whole context.
        mean_window: Tokens that it attends to on average once the context is longer than the window, 0: `window`.
        gate_width: Columns of the input projection beside queries, keys and values: a gate on the output.
        keeps_kv: It has keys and values of its own; else those of an earlier layer.
        values_are_keys: It has no projection of values (keys and values are cached all the same).
    """

    heads: int
    kv_heads: int
    head_dim: int
    value_dim: int
    window: int | None = None
    mean_window: int = 0
    gate_width: int = 0
    keeps_kv: bool = True
    values_are_keys: bool = False

    @property
    def queries_per_kv_head(self) -> int:
        """Query heads that share a KV head."""
        return self.heads // self.kv_heads

    def weights(self, hidden: int) -> int:
        """Weights of the projections."""
        kv = self.kv_heads * (self.head_dim + (0 if self.values_are_keys else self.value_dim)) if self.keeps_kv else 0
        return hidden * (self.heads * (self.head_dim + self.value_dim) + kv + self.gate_width)

    def products(self, hidden: int, tp: int) -> tuple[Product, ...]:
        """QKV and output projection on one rank."""
        heads, kv_heads = max(1, self.heads // tp), self.kv_heads_per_rank(tp)
        kv = kv_heads * (self.head_dim + (0 if self.values_are_keys else self.value_dim)) if self.keeps_kv else 0
        columns = heads * self.head_dim + kv + self.gate_width // tp
        return ("attention", columns, hidden), ("attention", hidden, heads * self.value_dim)

    def kv_heads_per_rank(self, tp: int) -> int:
        """KV heads on one rank; heads are copied when there are more ranks than heads."""
        return max(1, self.kv_heads // tp)

    def kv_values_per_token(self, tp: int) -> int:
        """Numbers that one rank caches for a token."""
        return self.kv_heads_per_rank(tp) * (self.head_dim + self.value_dim) if self.keeps_kv else 0

    def read_values_per_token(self, tp: int) -> int:
        """Numbers that one rank reads to attend to a token."""
        return self.kv_heads_per_rank(tp) * (self.head_dim + self.value_dim)

    def moved_values_per_token(self, tp: int) -> int:
        """Queries, outputs, keys and values of one token on one rank."""
        per_head = self.head_dim + self.value_dim
        return max(1, self.heads // tp) * per_head + self.kv_heads_per_rank(tp) * per_head

    def prefill_operations(self, tp: int) -> int:
        """Operations of one (query, key) pair on one rank."""
        return 2 * max(1, self.heads // tp) * (self.head_dim + self.value_dim)

    def rotated_width(self, tp: int) -> int:
        """Width of queries and keys on one rank, which are rotated."""
        return (self.heads + self.kv_heads) // tp * self.head_dim


@dataclass(frozen=True)
class Indexer:
    """Picks the tokens that sparse attention reads (DeepSeek Sparse Attention): `top_k` of the context for each query.

    Its keys, one of `head_dim` numbers a token, are kept in fp8 with a 32-bit scale.

    Attributes:
        own: The layer scores the context itself; else it takes the choice of an earlier layer.
    """

    heads: int
    head_dim: int
    top_k: int
    own: bool = True

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes of a key and its scale."""
        return self.head_dim + 4 if self.own else 0

    @property
    def operations(self) -> int:
        """Operations of scoring one token for one query; every rank computes all heads."""
        return 2 * self.heads * self.head_dim if self.own else 0


@dataclass(frozen=True)
class LatentAttention:
    """Multi-head latent attention (MLA): one latent and one rotary key per token, shared by all heads and ranks.

    Decodes attend in the latent space (weights absorbed); prefills expand it to keys and values per head.

    Attributes:
        query_rank: Width that queries are projected from; 0: from the hidden state.
        latent: Width of the latent (`kv_lora_rank`).
        rope_dim: Width of the rotary key.
        nope_dim: Width of the other part of a query.
        value_dim: Width of a value.
        gate_width: Columns of a gate on the output.
        indexer: Chooses the tokens to attend to; `None`: all of them.
    """

    heads: int
    query_rank: int
    latent: int
    rope_dim: int
    nope_dim: int
    value_dim: int
    gate_width: int = 0
    indexer: Indexer | None = None
    window: int | None = None

    def weights(self, hidden: int) -> int:
        """Weights of the projections, the indexer's among them."""
        query = self.heads * (self.nope_dim + self.rope_dim)
        queries = hidden * self.query_rank + self.query_rank * query if self.query_rank else hidden * query
        down = hidden * (self.latent + self.rope_dim)
        up = self.latent * self.heads * (self.nope_dim + self.value_dim)
        index = 0
        if self.indexer is not None and self.indexer.own:
            index = (self.query_rank or hidden) * self.indexer.heads * self.indexer.head_dim
            index += hidden * (self.indexer.head_dim + self.indexer.heads)
        return queries + down + up + hidden * (self.heads * self.value_dim + self.gate_width) + index

    def products(self, hidden: int, tp: int) -> tuple[Product, ...]:
        """Down projections (on every rank), up projections of queries and latents, output projection."""
        heads = max(1, self.heads // tp)
        query = heads * (self.nope_dim + self.rope_dim)
        down = self.query_rank + self.latent + self.rope_dim + self.gate_width // tp
        found: list[Product] = [("attention", down + (0 if self.query_rank else query), hidden)]
        if self.query_rank:
            found.append(("attention", query, self.query_rank))
        found.append(("attention", heads * (self.nope_dim + self.value_dim), self.latent))
        found.append(("attention", hidden, heads * self.value_dim))
        if self.indexer is not None and self.indexer.own:
            width = self.indexer.heads * self.indexer.head_dim
            found.append(("attention", width, self.query_rank or hidden))
            found.append(("attention", self.indexer.head_dim + self.indexer.heads, hidden))
        return tuple(found)

    def kv_values_per_token(self, tp: int) -> int:
        """Numbers that one rank caches for a token: all of them, on every rank."""
        return self.latent + self.rope_dim

    def moved_values_per_token(self, tp: int) -> int:
        """Queries, outputs, keys and values of one token on one rank."""
        return 2 * max(1, self.heads // tp) * (self.nope_dim + self.rope_dim + self.value_dim)

    def prefill_operations(self, tp: int) -> int:
        """Operations of one (query, key) pair on one rank, keys and values expanded."""
        return 2 * max(1, self.heads // tp) * (self.nope_dim + self.rope_dim + self.value_dim)

    def decode_operations(self, tp: int) -> int:
        """Operations of one decode attending to one token on one rank, in the latent space."""
        return 2 * max(1, self.heads // tp) * (2 * self.latent + self.rope_dim)

    def rotated_width(self, tp: int) -> int:
        """Width of queries and keys on one rank, which are rotated."""
        return self.heads // tp * self.rope_dim + self.rope_dim


@dataclass(frozen=True)
class Recurrence:
    """A mixer whose memory does not grow: Mamba, Mamba-2, gated delta net, lightning attention, short convolution.

    Attributes:
        heads: What tensor parallelism divides.
        input_width: Columns of all projections of the hidden state.
        output_width: Rows of the output projection.
        other_weights: Weights of the small projections in between.
        state_values: Numbers of the recurrent state of a sequence.
        state_value_bytes: Bytes of each of them.
        convolution_values: Numbers of the convolution's state, 16 bits each.
    """

    heads: int
    input_width: int
    output_width: int
    other_weights: int = 0
    state_values: int = 0
    state_value_bytes: int = 2
    convolution_values: int = 0

    def weights(self, hidden: int) -> int:
        """Weights of the projections."""
        return hidden * (self.input_width + self.output_width) + self.other_weights

    def products(self, hidden: int, tp: int) -> tuple[Product, ...]:
        """Input and output projection on one rank."""
        return ("attention", self.input_width // tp, hidden), ("attention", hidden, self.output_width // tp)

    @property
    def state_bytes(self) -> int:
        """Bytes of the state of one sequence, all ranks together."""
        return self.state_values * self.state_value_bytes + 2 * self.convolution_values

    def operations(self, tp: int) -> float:
        """Operations of one token on one rank: decay, update and read of the state."""
        return 6.0 * self.state_values / tp


Mixer = Attention | LatentAttention | Recurrence


@dataclass(frozen=True)
class Mlp:
    """A dense MLP: gate, up and down, or up and down only."""

    width: int
    gated: bool = True

    @property
    def matrices(self) -> int:
        """Matrices of (hidden, width)."""
        return 3 if self.gated else 2

    def weights(self, hidden: int) -> int:
        """All weights."""
        return self.matrices * hidden * self.width

    def active_weights(self, hidden: int) -> int:
        """Weights that one token is multiplied with: all."""
        return self.weights(hidden)

    def products(self, hidden: int, tp: int, part: Part = "mlp") -> tuple[Product, ...]:
        """Gate and up, down on one rank."""
        width = self.width // tp
        return ((part, (self.matrices - 1) * width, hidden), (part, hidden, width)) if width else ()

    @property
    def activated_width(self) -> int:
        """Width of the activations of one token."""
        return self.width


@dataclass(frozen=True)
class Experts:
    """A mixture of experts.

    Attributes:
        count: Routed experts.
        per_token: Experts that a token is routed to.
        width: Width of one expert's MLP.
        shared_width: Width of the MLP that all tokens pass beside the routed experts.
        gated: Experts have a gate.
        latent: Width that tokens are projected to before the routed experts, and back from after; 0: none.
    """

    count: int
    per_token: int
    width: int
    shared_width: int = 0
    gated: bool = True
    latent: int = 0

    def expert_weights(self, hidden: int) -> int:
        """Weights of one routed expert."""
        return (3 if self.gated else 2) * (self.latent or hidden) * self.width

    def always_read_weights(self, hidden: int) -> int:
        """Weights that every token passes: router, shared expert, projections to the latent width and back."""
        return hidden * self.count + self.shared.weights(hidden) + 2 * hidden * self.latent

    def weights(self, hidden: int) -> int:
        """All weights."""
        return self.always_read_weights(hidden) + self.count * self.expert_weights(hidden)

    def active_weights(self, hidden: int) -> int:
        """Weights that one token is multiplied with."""
        return self.always_read_weights(hidden) + self.per_token * self.expert_weights(hidden)

    def products(self, hidden: int, tp: int) -> tuple[Product, ...]:
        """The dense products on one rank: those of the shared expert and of the latent projections."""
        shared = self.shared.products(hidden, tp, "shared")
        latent: tuple[Product, ...] = (("shared", self.latent, hidden), ("shared", hidden, self.latent))
        return (*shared, *latent) if self.latent else shared

    @property
    def shared(self) -> Mlp:
        """The shared expert."""
        return Mlp(self.shared_width, self.gated)

    @property
    def activated_width(self) -> int:
        """Width of the activations of one token in the routed experts."""
        return self.per_token * self.width


@dataclass(frozen=True)
class Layers:
    """Layers that are alike.

    Attributes:
        count: How many.
        mixers: What mixes tokens: one mixer, several side by side, or none.
        mlp: What each token passes alone; `None` in a layer that only mixes.
    """

    count: int
    mixers: tuple[Mixer, ...]
    mlp: Mlp | Experts | None

    @property
    def attentions(self) -> tuple[Attention | LatentAttention, ...]:
        """The mixers that keep keys and values."""
        return tuple(mixer for mixer in self.mixers if not isinstance(mixer, Recurrence))

    @property
    def plain(self) -> bool:
        """Full attention with KV heads, and an MLP or experts with a gate."""
        if len(self.mixers) != 1 or self.mlp is None or not self.mlp.gated:
            return False
        mixer = self.mixers[0]
        return isinstance(mixer, Attention) and mixer == Attention(
            mixer.heads, mixer.kv_heads, mixer.head_dim, mixer.head_dim
        )

    @property
    def attention(self) -> Attention:
        """The only mixer of a plain layer."""
        (mixer,) = self.mixers
        assert isinstance(mixer, Attention)
        return mixer

    @property
    def experts(self) -> Experts | None:
        """The routed experts, if it has any."""
        return self.mlp if isinstance(self.mlp, Experts) else None

    @property
    def parts(self) -> tuple[Mixer | Mlp | Experts, ...]:
        """Everything that ends in a sum over the ranks."""
        return self.mixers if self.mlp is None else (*self.mixers, self.mlp)

    def weights(self, hidden: int) -> int:
        """All matrix weights of one layer."""
        return sum(part.weights(hidden) for part in self.parts)

    def active_weights(self, hidden: int) -> int:
        """Weights of one layer that one token is multiplied with."""
        mixers = sum(mixer.weights(hidden) for mixer in self.mixers)
        return mixers + (0 if self.mlp is None else self.mlp.active_weights(hidden))

    def products(self, hidden: int, tp: int) -> tuple[Product, ...]:
        """Dense products of one layer on one rank, those of routed experts left out."""
        return tuple(product for part in self.parts for product in part.products(hidden, tp))

    @property
    def activated_width(self) -> int:
        """Width of the activations of one token in the MLP."""
        return 0 if self.mlp is None else self.mlp.activated_width
