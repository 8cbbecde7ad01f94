"""Reworks: a serial repeats a process, or is repaired aside from its route. Open `model.py` first."""
