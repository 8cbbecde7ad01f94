"""Brings each unit of a station from what runs to what is wanted. Open `model.py`, then `decide.py`."""
