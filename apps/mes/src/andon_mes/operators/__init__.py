"""Operators: the people who scan, and what they are qualified for. Open `model.py` first."""
