"""The container that turns one tree into another, or makes one from nothing: open `model.py` first."""
