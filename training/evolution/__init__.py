"""Evolution strategies: small policies are learned from whole episodes that compiled code plays, without gradients."""
