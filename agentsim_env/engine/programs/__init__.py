"""The program orchestrator and the tool simulator, and what is known of gaps."""
