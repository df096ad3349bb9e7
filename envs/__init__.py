"""Gymnasium environments over the simulator: one file an environment."""
