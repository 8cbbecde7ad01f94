"""Holds: what a person took back stays back until a person releases it. Open `model.py`, then `rules.py`."""
