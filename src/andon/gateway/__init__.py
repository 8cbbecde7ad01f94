"""Envoy: rendered (`render.py`), supervised (`envoy.py`), read (`stats.py`). Open `model.py` first."""
