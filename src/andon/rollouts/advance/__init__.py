"""From one environment into the next: what may come, and what Andon moves by itself. Open `rules.py`."""
