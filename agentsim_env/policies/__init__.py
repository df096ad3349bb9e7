"""Exported policies: weights that score the rows of a decision, and the files that they are kept in."""
