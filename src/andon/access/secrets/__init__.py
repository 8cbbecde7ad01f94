"""Passwords and tokens that Andon itself needs, encrypted at rest. Open `store.py` first."""
