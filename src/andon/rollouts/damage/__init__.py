"""Rollouts whose rows cannot be read. Open `store.py`."""
