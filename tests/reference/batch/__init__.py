"""An instance with its queue, its batch and its iterations, and how long these take."""
