"""The fitted constants of a GPU that turn its data sheet into times (`efficiencies.yaml`)."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from agentsim_env.files import read_yaml
from agentsim_env.hardware.catalog import FOLDER
from agentsim_env.hardware.dtypes import product_dtype


@dataclass(frozen=True)
class Products:
    """Constants of matrix products in one number format: launch, shares of the peak rates, sharpness of the maximum.

    Attributes:
        launch_us: Cost of a product whatever its size, microseconds.
        compute: Share of the data-sheet rate.
        weights: Share of the data-sheet bandwidth.
        sharpness: Exponent of the smooth maximum of compute and memory time.
        activations: Times that inputs and outputs count as memory traffic.
        slowdown: Share by which long products are slower: the clock falls at the power limit.
        slowdown_ms: Length of a product at which half of that has set in, milliseconds.
        sustained: Share of the data-sheet rate that the power limit leaves under steady load, where the tables, timed
            in short bursts, have more. That of an H200 in fp8 is what an H100, the same chip with the same limit, has.
    """

    launch_us: float
    compute: float
    weights: float
    sharpness: float
    activations: float
    slowdown: float = 0.0
    slowdown_ms: float = 1.0
    sustained: float = 1.0

    @property
    def steady_compute(self) -> float:
        """Share of the data-sheet rate under steady load."""
        return min(self.compute, self.sustained)


@dataclass(frozen=True)
class Efficiencies:
    """Fitted constants of one GPU (`efficiencies.yaml`), to be used as a set.

    Attributes:
        products: By number format; one that is missing uses those of the next wider at its own data-sheet rate.
        attention_us: Launch of one attention call, microseconds.
        decode: Share of memory bandwidth at which decodes read KV.
        prefill: Share of the bf16 rate in prefill attention.
        prefill_bytes: Times that a chunk's queries, keys and values count as memory traffic.
        mixed_decode: `decode` when the step also holds a prefill chunk, with four query heads for each KV head.
        serial_tile: Query rows of the tile that walks the longest context alone in such a step; 0: there is no floor.
        measured_mixed: The last two are measured on this GPU, not chosen.
        source: Where the fitted constants come from.
        mixed_source: Where the last two come from.
    """

    products: dict[str, Products]
    attention_us: float
    decode: float
    prefill: float
    prefill_bytes: float
    mixed_decode: float
    serial_tile: int
    measured_mixed: bool
    source: str
    mixed_source: str

    def products_in(self, dtype: str) -> Products:
        """Constants of products with weights in `dtype`."""
        wider = ("fp4", "fp8", "bf16")
        return next(self.products[name] for name in wider[wider.index(product_dtype(dtype)) :] if name in self.products)


@cache
def efficiencies(name: str) -> Efficiencies:
    """The fitted constants called `name`."""
    entry: dict[str, Any] = read_yaml(FOLDER / "efficiencies.yaml")[name]
    products = {dtype: Products(**values) for dtype, values in entry["products"].items()}
    return Efficiencies(**{**entry, "products": products})
