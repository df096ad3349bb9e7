"""`python -m agentsim_env.hardware`: the GPUs, models, engines, links and measured profiles that are known."""

from agentsim_env.hardware.all_reduce import links
from agentsim_env.hardware.catalog import gpus, models
from agentsim_env.hardware.engine_profiles import engine_profiles
from agentsim_env.hardware.library import measured_on, shipped_profiles


def main() -> None:
    """Print a table of each."""
    print(f"{'GPU':14} {'GiB':>6} {'GB/s':>6} {'bf16 TF':>8} {'fp8 TF':>7} {'$/h':>5}  efficiencies")
    for gpu in gpus().values():
        print(
            f"{gpu.name:14} {gpu.memory_gib:6.1f} {gpu.hbm_gb_per_s:6.0f} {gpu.bf16_tflops:8.0f} "
            f"{gpu.fp8_tflops:7.0f} {gpu.price_per_hour:5.2f}  {gpu.efficiencies}"
        )
    heading = (
        f"{'layers':>6} {'hidden':>6} {'B':>7} {'active B':>8} {'format':>6} {'KV B/token':>10} {'MB/sequence':>11}"
    )
    print(f"\n{'model':26} {heading}  latency")
    for model in models().values():
        state = model.state_bytes_per_sequence("bf16") / 1e6
        print(
            f"{model.name:26} {model.layers:6} {model.hidden:6} {model.parameters / 1e9:7.1f} "
            f"{model.active_parameters / 1e9:8.1f} {model.checkpoint.dtype:>6} {model.kv_bytes_per_token('bf16'):10} "
            f"{state:11.1f}  {'measured on ' + ', '.join(measured_on(model)) if measured_on(model) else 'estimated'}"
        )
    print(f"\n{'engine':12} {'ms a step':>9} {'us/sequence':>11} {'ahead':>5}")
    for engine in engine_profiles().values():
        step = "profile's" if engine.step_s is None else f"{1e3 * engine.step_s:.1f}"
        ahead = "yes" if engine.async_scheduling else "no"
        print(f"{engine.name:12} {step:>9} {1e6 * engine.sequence_s:11.0f} {ahead:>5}  {engine.text}")
    print(f"\nlinks (interconnect): {', '.join(links())}")
    print("\nmeasured profiles (everything else: roofline, marked estimated)")
    for name in sorted(shipped_profiles()):
        print(f"  {name.removesuffix('.yaml')}")


if __name__ == "__main__":
    main()
