"""Compiled answers to decisions, one file or folder a kind; `tables.py` has them all.

Nothing is imported here: the engine calls some rules, which would import it in turn.
"""
