"""Hardware: GPUs, models, iteration latency and KV capacity of a serving engine."""

from agentsim_env.hardware.catalog import find_gpu, find_model, gpus, models
from agentsim_env.hardware.dtypes import UnknownHardwareError
from agentsim_env.hardware.engines import Engine
from agentsim_env.hardware.huggingface import ModelWarning
from agentsim_env.hardware.kv_capacity import kv_blocks
from agentsim_env.hardware.library import find_profile, load, save
from agentsim_env.hardware.profile import Profile
from agentsim_env.hardware.roofline import roofline

__all__ = [
    "Engine",
    "ModelWarning",
    "Profile",
    "UnknownHardwareError",
    "find_gpu",
    "find_model",
    "find_profile",
    "gpus",
    "kv_blocks",
    "load",
    "models",
    "roofline",
    "save",
]
