"""How an instance forms its next iteration, by its mode."""
