"""The judge's looks, as they were judged. Open `store.py`."""
