"""Equipment: its states over time, and its calibrations. Open `model.py` first."""
