"""Many episodes of an environment at once: one compiled call takes each of them to its next decision."""
