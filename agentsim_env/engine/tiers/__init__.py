"""Pools below HBM (DRAM, CXL), the links to them, and what goes down."""
