"""Evolution strategies: small policies are learned from whole episodes that compiled code plays, without gradients."""

ALGORITHM = "es"
"""Its name beside those of Stable-Baselines3."""
