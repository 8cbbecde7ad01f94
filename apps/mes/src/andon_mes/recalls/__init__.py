"""Which units contain a component, where they are, and holding them all at once. Open `model.py` first."""
