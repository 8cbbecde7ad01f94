"""Overall equipment effectiveness. Open `model.py` first: states and counts in, factors with bounds out."""
