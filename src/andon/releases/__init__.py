"""Signed, immutable versions of units. Open `model.py` first."""
