"""Defects: what was found wrong with a serial, and what quality decides of it. Open `decide.py` first."""
