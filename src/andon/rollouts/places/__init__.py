"""Which set a unit is on its way with: its place is taken meanwhile. Open `store.py`."""
