"""The batch of an instance: its runs of iterations, prefills and decodes, and their forecast."""
