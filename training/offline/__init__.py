"""Data sets of played episodes, and policies that imitate them."""
