"""The stations of a plant: what each should run, and what it tells. Open `model.py`, then `assign.py`."""
