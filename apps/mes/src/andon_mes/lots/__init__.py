"""Lots: created, released, held, completed. Open `decide.py` first."""
