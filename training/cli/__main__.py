"""`python -m agentsim_env.training.cli`."""

from agentsim_env.training.cli import app

app()
