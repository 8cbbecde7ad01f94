"""Sources of evidence, one file each. Open `model.py` first."""
