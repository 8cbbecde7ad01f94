"""What happened, by whom and why. Open `records.py` first."""
