"""Trained agents that come with the package; `agentsim_env.policies.pretrained` finds them."""
