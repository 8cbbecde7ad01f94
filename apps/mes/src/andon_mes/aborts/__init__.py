"""Attempts that somebody ends without a result. Open `decide.py` first."""
