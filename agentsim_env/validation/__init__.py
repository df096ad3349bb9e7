"""Replays measured runs of real serving engines and says how far the simulator is off (`agentsim validate`)."""
