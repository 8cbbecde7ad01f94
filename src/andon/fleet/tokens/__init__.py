"""Tokens with which a machine becomes a station, once. Open `model.py`, then `enrolling.py`."""
