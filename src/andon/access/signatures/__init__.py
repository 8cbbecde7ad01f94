"""Electronic signatures: a person's signed yes, bound to what was signed. Open `model.py` first."""
