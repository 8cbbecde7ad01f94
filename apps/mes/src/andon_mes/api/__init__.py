"""The HTTP edge. Thin: no rule lives here. Open `routes.py` first."""
