"""What comes up again, for a turn that waits or ahead of its use."""
