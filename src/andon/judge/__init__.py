"""Turns evidence into a verdict; pure. Open `sequential.py` first."""
