"""A part of a registry as one signed file, for a network that is closed. Open `format.py` first."""
