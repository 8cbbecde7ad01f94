"""From source to a signed release. Open `plan.py` first."""
