"""Gymnasium environments over the simulator: one file per environment, what it shows beside it in `*_features.py`."""
