"""Stations: who they are and where they stand. Open `store.py`, then `commands.py`."""
