"""The layers of one tensor-parallel rank as torch calls on random operands."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentsim_env.hardware.model import Model

if TYPE_CHECKING:
    import torch

Call = Callable[[int], object]
ROTATED_BYTES = 256e6  # operands take turns over this many bytes, so that none stays in the last-level cache
MOST_COPIES = 64


class Layers:
    """Builds timed calls for one model.

    Args:
        model: A dense model.
        tp: Tensor-parallel ranks that share it.
        device: Where the operands live.
        dtype: Their format.
    """

    def __init__(self, model: Model, tp: int, device: "torch.device", dtype: "torch.dtype") -> None:
        """Keep the shapes."""
        if model.expert_layers:
            raise ValueError(f"{model.name}: expert layers cannot be measured yet")
        self.model, self.tp, self.device, self.dtype = model, tp, device, dtype
        attention, mlp = model.layer.attention, model.layer.mlp
        assert mlp is not None
        self.heads, self.kv_heads = max(1, attention.heads // tp), attention.kv_heads_per_rank(tp)
        self.head_dim, self.width = attention.head_dim, mlp.activated_width // tp
        self.products = dict(
            zip(("qkv_proj", "o_proj", "gate_up_proj", "down_proj"), model.layer_products(tp), strict=True)
        )

    def dense(self, tokens: int) -> dict[str, Callable[[], Call]]:
        """Makers of the calls that depend on the tokens of a step, by layer."""
        hidden, width = self.model.hidden, self.width
        makers: dict[str, Callable[[], Call]] = {}
        for name, (n, k) in self.products.items():
            makers[name] = lambda n=n, k=k: self._product(tokens, n, k)
        makers["layernorm"] = lambda: self._norm(tokens, hidden)
        makers["final_layernorm"] = lambda: self._norm(tokens, hidden)
        makers["rotary_emb"] = lambda: self._rotary(tokens)
        makers["act_fn"] = lambda: self._activation(tokens, width)
        makers["embedding"] = lambda: self._embedding(tokens, hidden)
        return makers

    def per_sequence(self, sequences: int) -> dict[str, Callable[[], Call]]:
        """Makers of the calls that depend on the sequences of a step, by layer."""
        vocab = self.model.vocab // self.tp
        return {
            "lm_head": lambda: self._product(sequences, vocab, self.model.hidden),
            "sampler": lambda: self._sampler(sequences, self.model.vocab),
        }

    def attention(self, chunk: int, cached: int, decodes: int, context: int) -> Call:
        """One attention layer of a step: a chunk on its cache, and decodes on theirs."""
        import torch
        from torch.nn.attention.bias import causal_lower_right
        from torch.nn.functional import scaled_dot_product_attention as attend

        calls: list[Callable[[], object]] = []
        if chunk:
            query = self._random(1, self.heads, chunk, self.head_dim)
            key, value = (self._random(1, self.heads, chunk + cached, self.head_dim) for _ in range(2))
            mask = causal_lower_right(chunk, chunk + cached)
            calls.append(lambda: attend(query, key, value, attn_mask=mask))
        if decodes:
            one = self._random(decodes, self.heads, 1, self.head_dim)
            keys, values = (self._random(decodes, self.kv_heads, context + 1, self.head_dim) for _ in range(2))
            grouped = self.heads != self.kv_heads
            calls.append(lambda: attend(one, keys, values, enable_gqa=grouped))

        def run(_: int) -> None:
            with torch.inference_mode():
                for call in calls:
                    call()

        return run

    def attention_bytes(self, chunk: int, cached: int, decodes: int, context: int) -> float:
        """Bytes of the operands of `attention`."""
        prefill = (chunk + cached) * self.heads * (chunk > 0)
        return 2.0 * 2 * self.head_dim * (prefill + decodes * (context + 1) * self.kv_heads)

    def _random(self, *shape: int) -> "torch.Tensor":
        import torch

        return torch.randn(shape, device=self.device, dtype=self.dtype)

    def _copies(self, size: int) -> int:
        return int(min(MOST_COPIES, max(1, ROTATED_BYTES // (2 * size)))) if self.device.type == "cuda" else 1

    def _product(self, rows: int, n: int, k: int) -> Call:
        from torch.nn.functional import linear

        weights = [self._random(n, k) for _ in range(self._copies(n * k))]
        x = self._random(rows, k)
        return lambda i: linear(x, weights[i % len(weights)])

    def _norm(self, tokens: int, width: int) -> Call:
        from torch.nn.functional import rms_norm

        x, residual, weight = self._random(tokens, width), self._random(tokens, width), self._random(width)

        def run(_: int) -> object:
            residual.add_(x)
            return rms_norm(residual, (width,), weight)

        return run

    def _rotary(self, tokens: int) -> Call:
        import torch

        heads = self._random(tokens, self.heads + self.kv_heads, self.head_dim)
        cosine, sine = (self._random(tokens, 1, self.head_dim) for _ in range(2))

        def run(_: int) -> object:
            one, other = heads.chunk(2, dim=-1)
            return heads * cosine + torch.cat((-other, one), dim=-1) * sine

        return run

    def _activation(self, tokens: int, width: int) -> Call:
        from torch.nn.functional import silu

        both = self._random(tokens, 2 * width)
        return lambda _: silu(both[:, :width]) * both[:, width:]

    def _embedding(self, tokens: int, width: int) -> Call:
        import torch
        from torch.nn.functional import embedding

        table = self._random(max(1, self.model.vocab // self.tp), width)
        which = torch.randint(len(table), (tokens,), device=self.device)
        return lambda _: embedding(which, table)

    def _sampler(self, sequences: int, vocab: int) -> Call:
        import torch

        logits = self._random(sequences, vocab)

        def run(_: int) -> object:
            chances = logits.float().softmax(-1)
            return (chances / torch.empty_like(chances).exponential_()).argmax(-1)

        return run
