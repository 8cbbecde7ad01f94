"""What stations tell: states, events, samples; and counts of them. Open `rules.py`, then `inbox.py`."""
