"""One key, one answer. Open `store.py` first."""
