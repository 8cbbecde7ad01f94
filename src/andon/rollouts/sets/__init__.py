"""Sets: units that are promoted and come back together, in order. Open `model.py`, then `decide.py`."""
