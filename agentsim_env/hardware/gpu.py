"""What we know of a GPU. The numbers are in `gpus.yaml`."""

from dataclasses import dataclass

from agentsim_env.hardware.dtypes import product_dtype


@dataclass(frozen=True)
class Gpu:
    """One GPU. Rates are dense data-sheet rates; links are per direction.

    Attributes:
        memory_gib: Memory that CUDA sees, GiB.
        hbm_gb_per_s: Memory bandwidth, 1e9 bytes per second.
        bf16_tflops: Peak bf16 rate, 1e12 operations per second; likewise `fp8_tflops` and `fp4_tflops` (0: not native).
        sms: Streaming multiprocessors.
        gpu_link_gb_per_s: Link to the other GPUs of the node, 1e9 bytes per second.
        host_link_gb_per_s: Link to host memory, 1e9 bytes per second.
        l2_mb: Last-level cache, 1e6 bytes.
        reserved_gb: Memory that an engine cannot use (see `kv_capacity`), 1e9 bytes.
        price_per_hour: US dollars per GPU and hour, an assumption.
        efficiencies: Entry of `efficiencies.yaml` for the roofline.
    """

    name: str
    memory_gib: float
    hbm_gb_per_s: float
    bf16_tflops: float
    fp8_tflops: float
    fp4_tflops: float
    sms: int
    gpus_per_node: int
    gpu_link_gb_per_s: float
    host_link_gb_per_s: float
    l2_mb: float
    reserved_gb: float
    price_per_hour: float
    efficiencies: str
    source: str
    aliases: tuple[str, ...] = ()

    @property
    def memory_bytes(self) -> float:
        """Memory that CUDA sees, bytes."""
        return self.memory_gib * 2**30

    @property
    def hbm_bytes_per_s(self) -> float:
        """Data-sheet memory bandwidth, bytes per second."""
        return self.hbm_gb_per_s * 1e9

    @property
    def linked_by_pcie(self) -> bool:
        """The GPUs of a node reach one another over the same kind of link as their host."""
        return self.gpu_link_gb_per_s <= self.host_link_gb_per_s

    def flop_per_s(self, dtype: str = "bf16") -> float:
        """Data-sheet rate of products with weights in `dtype`; the next wider format where the GPU lacks it."""
        rates = {"fp4": self.fp4_tflops, "fp8": self.fp8_tflops, "bf16": self.bf16_tflops}
        names = list(rates)
        usable = [rates[name] for name in names[names.index(product_dtype(dtype)) :] if rates[name] > 0]
        return usable[0] * 1e12
