"""`python -m agentsim_env.hardware`: the GPUs, models and measured profiles that are known."""

from agentsim_env.hardware.catalog import gpus, models
from agentsim_env.hardware.library import shipped_profiles


def main() -> None:
    """Print three tables."""
    print(f"{'GPU':14} {'GiB':>6} {'GB/s':>6} {'bf16 TF':>8} {'fp8 TF':>7} {'$/h':>5}  efficiencies")
    for gpu in gpus().values():
        print(
            f"{gpu.name:14} {gpu.memory_gib:6.1f} {gpu.hbm_gb_per_s:6.0f} {gpu.bf16_tflops:8.0f} "
            f"{gpu.fp8_tflops:7.0f} {gpu.price_per_hour:5.2f}  {gpu.efficiencies}"
        )
    print(f"\n{'model':14} {'layers':>6} {'hidden':>6} {'heads':>7} {'weights GB':>10} {'KV B/token':>10}")
    for model in models().values():
        heads = f"{model.heads}/{model.kv_heads}"
        print(
            f"{model.name:14} {model.layers:6} {model.hidden:6} {heads:>7} {model.weight_bytes('bf16', 1) / 1e9:10.1f} "
            f"{model.kv_bytes_per_token('bf16'):10}"
        )
    print("\nmeasured profiles (everything else: roofline, marked estimated)")
    for name in sorted(shipped_profiles()):
        print(f"  {name.removesuffix('.yaml')}")


if __name__ == "__main__":
    main()
