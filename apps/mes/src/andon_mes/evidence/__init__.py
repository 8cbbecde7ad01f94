"""What the rows say per release: first-pass counts and cycle times. Open `metrics.py` first."""
