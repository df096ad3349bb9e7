"""How large adapters are, and what they leave of the memory."""

import pytest

from agentsim_env.hardware import UnknownHardwareError, find_gpu, find_model, kv_blocks
from agentsim_env.hardware.adapters import adapter_bytes


def test_an_adapter_of_all_linear_layers() -> None:
    """By hand: 28 layers of 4 projections of 3,584, 3,584 or 512, and an MLP of 18,944; 64 columns, two bytes each.

    161.5 million values, 323 MB: what ScaleSim's example configuration says of rank 64 on Qwen2.5-7B.
    """
    attention = 2 * (3584 + 3584) + 2 * (3584 + 512)
    assert adapter_bytes(find_model("Qwen2.5-7B"), 64) == 28 * (attention + 3 * (3584 + 18_944)) * 64 * 2
    assert adapter_bytes(find_model("Qwen2.5-7B"), 64) == pytest.approx(323e6, rel=0.001)


def test_what_is_adapted_in_experts_is_not_known() -> None:
    with pytest.raises(UnknownHardwareError, match=r"Qwen3-30B-A3B: the size of an adapter .* give its bytes"):
        adapter_bytes(find_model("Qwen3-30B-A3B"), 64)


def test_slots_leave_less_memory_for_kv() -> None:
    gpu, model = find_gpu("H100"), find_model("Qwen2.5-7B")
    slots_bytes = 100 * adapter_bytes(model, 64)
    block_bytes = 16 * model.kv_bytes_per_token("bf16")
    fewer = kv_blocks(gpu, model) - kv_blocks(gpu, model, other_bytes=slots_bytes)
    assert fewer == pytest.approx(slots_bytes / block_bytes, abs=1)
    with pytest.raises(UnknownHardwareError, match=r"beside 64\.6 GB of adapters"):
        kv_blocks(gpu, model, other_bytes=2 * slots_bytes)
