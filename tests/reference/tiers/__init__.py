"""Pools below HBM, the links to them, and what goes down."""
