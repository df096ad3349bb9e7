"""A model described by its Hugging Face `config.json`."""

from agentsim_env.hardware.huggingface.fields import ModelWarning
from agentsim_env.hardware.huggingface.reader import model_from_config, model_from_fields

__all__ = ["ModelWarning", "model_from_config", "model_from_fields"]
